using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Backups;

/// <summary>A blob of a backup.</summary>
internal readonly record struct ListedBlob(Digest Digest, long Bytes)
{
    /// <summary>Its line in the list.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Digest} {Bytes}");
}

/// <summary>The list of a backup's blobs, which is read line by line however long it is.</summary>
internal static class BlobList
{
    /// <summary>A digest with sha512 has 135 characters, and a length 19.</summary>
    private const int LongestLine = 160;

    /// <summary>
    /// Its digest is compared at the end. So whoever acts on what it names, or does not name, reads it to the end
    /// before.
    /// </summary>
    /// <exception cref="InvalidDataException">It is not there, or damaged.</exception>
    /// <exception cref="IOException">It can't be read.</exception>
    public static async IAsyncEnumerable<ListedBlob> ReadAsync(
        BackupPlace place, BackupManifest manifest, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var expected = manifest.List.Parsed;
        using var content = await place.Blobs.OpenAsync(expected, cancellation)
            ?? throw new InvalidDataException("its list of blobs is missing");
        if (content.Length != manifest.List.Bytes)
            throw Damaged($"it has {content.Length} of {manifest.List.Bytes} bytes");
        using var hash = Digest.StartHash(expected.Algorithm);
        var pipe = new Pipe();
        var copying = Task.Run(() => CopyAsync(content, pipe.Writer, cancellation), cancellation);
        var count = 0L;
        try
        {
            for (var isEnd = false; !isEnd;)
            {
                var read = await pipe.Reader.ReadAsync(cancellation);
                isEnd = read.IsCompleted;
                var rest = read.Buffer;
                while (TryTakeLine(ref rest, hash) is { } blob)
                {
                    count++;
                    yield return blob;
                }

                if (rest.Length > LongestLine || (isEnd && !rest.IsEmpty)) throw Damaged("it has a line without end");
                pipe.Reader.AdvanceTo(rest.Start, rest.End);
            }
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var found = Digest.FromHash(expected.Algorithm, hash.GetHashAndReset());
        if (found != expected) throw Damaged($"its content has the digest {found}");
        if (count != manifest.Blobs) throw Damaged($"it names {count} of {manifest.Blobs} blobs");
    }

    private static async Task CopyAsync(BlobContent content, PipeWriter output, CancellationToken cancellation)
    {
        try
        {
            await content.CopyToAsync(output, 0, content.Length, cancellation);
            await output.CompleteAsync();
        }
        catch (Exception e)
        {
            await output.CompleteAsync(e);
        }
    }

    /// <summary>The next line, which is hashed; null if there is no whole one.</summary>
    private static ListedBlob? TryTakeLine(ref ReadOnlySequence<byte> rest, IncrementalHash hash)
    {
        if (rest.PositionOf((byte)'\n') is not { } end) return null;
        var line = rest.Slice(0, end);
        if (line.Length > LongestLine) throw Damaged("it has a line that is too long");
        Span<byte> bytes = stackalloc byte[(int)line.Length + 1];
        line.CopyTo(bytes);
        bytes[^1] = (byte)'\n';
        hash.AppendData(bytes);
        rest = rest.Slice(rest.GetPosition(1, end));
        return Parse(Encoding.ASCII.GetString(bytes[..^1]));
    }

    private static ListedBlob Parse(string line) =>
        line.Split(' ') is [var digest, var bytes] && Digest.TryParse(digest, out var parsed)
        && long.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? new ListedBlob(parsed, count) : throw Damaged("it has a line that is none");

    private static InvalidDataException Damaged(string how) => new($"its list of blobs is damaged: {how}");
}
