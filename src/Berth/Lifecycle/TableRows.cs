using System.Buffers.Binary;
using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>
/// All rows of a table, on either engine: pages by key, each of them small even if the bodies are large.
/// </summary>
internal sealed class TableRows(Session session, CopiedTable table)
{
    private const int RowsPerPage = 500;
    private const long CharactersPerPage = 4 << 20;

    private readonly string key = string.Join(", ", table.Key);

    /// <summary>The names of its columns, in one order for both sides.</summary>
    public async ValueTask<List<string>> ColumnsAsync()
    {
        // An empty table has no row to read them from, so it is outer-joined to a dummy row.
        var names = await session.FirstAsync(
            $"SELECT * FROM (SELECT 1 AS one) AS other LEFT JOIN {table.Name} ON 1 = 0",
            row => Enumerable.Range(1, row.FieldCount - 1).Select(row.GetName).ToList());
        return [.. names!.Order(StringComparer.Ordinal)];
    }

    public async ValueTask<long> CountAsync() => await session.NumberAsync($"SELECT count(*) FROM {table.Name}") ?? 0;

    public async IAsyncEnumerable<List<object?[]>> PagesAsync(
        List<string> columns, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var keyColumns = table.Key.Select(k => columns.IndexOf(k)).ToList();
        for (object?[]? last = null; ;)
        {
            cancellation.ThrowIfCancellationRequested();
            var length = 0L;
            var after = last is null
                ? ""
                : $"WHERE ({key}) > ({string.Join(", ", Enumerable.Range(1, table.Key.Count).Select(n => $"${n}"))})";
            var page = await session.UntilAsync(
                $"SELECT {string.Join(", ", columns)} FROM {table.Name} {after} ORDER BY {key} LIMIT {RowsPerPage}",
                Read,
                row => (length += LengthOf(row)) > CharactersPerPage,
                last is null ? [] : [.. keyColumns.Select(c => last[c])]);
            if (page.Count == 0) yield break;
            last = page[^1];
            yield return page;
        }
    }

    /// <summary>
    /// Counts and hashes all rows. The digest is the sum of the rows' SHA-256, so it does not depend on how an engine
    /// sorts text.
    /// </summary>
    /// <param name="addRows">Called with the number of rows read, page by page.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async Task<TableContent> ReadContentAsync(Action<int> addRows, CancellationToken cancellation)
    {
        var columns = await ColumnsAsync();
        var rows = 0L;
        var sum = new byte[SHA256.HashSizeInBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await foreach (var page in PagesAsync(columns, cancellation))
        {
            foreach (var row in page)
            {
                for (var i = 0; i < row.Length; i++) Append(hash, columns[i], row[i]);
                Add(sum, hash.GetHashAndReset());
            }

            rows += page.Count;
            addRows(page.Count);
        }

        // Rows skipped by the paging would be missing on both sides.
        var counted = await CountAsync();
        if (counted == rows) return new TableContent(rows, Convert.ToHexStringLower(sum));
        throw new InvalidDataException($"{table.Name} has {counted} rows, of which {rows} were found by their keys");
    }

    private static object?[] Read(DbDataReader row)
    {
        var values = new object?[row.FieldCount];
        for (var i = 0; i < values.Length; i++) values[i] = row.IsDBNull(i) ? null : row.GetValue(i);
        return values;
    }

    private static long LengthOf(object?[] row) =>
        row.Sum(value => value switch { string text => text.Length, byte[] bytes => bytes.Length, _ => 8L });

    /// <summary>Each value with its column, type and length, so that different rows never hash alike.</summary>
    private static void Append(IncrementalHash hash, string column, object? value)
    {
        var (kind, bytes) = value switch
        {
            null => ('0', []),
            long number => ('1', Encoding.ASCII.GetBytes($"{number}")),
            string text => ('2', Encoding.UTF8.GetBytes(text)),
            byte[] content => ('3', content),
            _ => throw new InvalidDataException($"{column} holds a {value.GetType().Name}, which can't be compared"),
        };
        hash.AppendData(Encoding.UTF8.GetBytes($"{column} {kind} {bytes.Length} "));
        hash.AppendData(bytes);
    }

    /// <summary>Adds two 256-bit numbers, modulo 2²⁵⁶.</summary>
    private static void Add(Span<byte> sum, ReadOnlySpan<byte> more)
    {
        UInt128 carry = 0;
        for (var i = 0; i < sum.Length; i += sizeof(ulong))
        {
            carry += (UInt128)BinaryPrimitives.ReadUInt64LittleEndian(sum[i..])
                + BinaryPrimitives.ReadUInt64LittleEndian(more[i..]);
            BinaryPrimitives.WriteUInt64LittleEndian(sum[i..], (ulong)carry);
            carry >>= 64;
        }
    }
}
