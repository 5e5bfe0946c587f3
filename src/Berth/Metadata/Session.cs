using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>
/// One connection, used by one caller at a time. Statements are written once for both engines; their parameters are
/// $1, $2, … and are given in that order.
/// </summary>
internal abstract class Session
{
    /// <summary>Cancels the statements of the current read or write.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>Runs a statement and returns how many rows it changed.</summary>
    public ValueTask<int> RunAsync(string sql, params ReadOnlySpan<object?> parameters) =>
        RunAsync(Prepare(sql, parameters));

    /// <summary>Runs a statement once per row of parameters, in one round trip if possible.</summary>
    public abstract ValueTask RunEachAsync(string sql, IReadOnlyCollection<object?[]> rows);

    /// <summary>Runs a query and returns its rows, read by <paramref name="read"/>.</summary>
    public ValueTask<List<T>> AllAsync<T>(
        string sql, Func<DbDataReader, T> read, params ReadOnlySpan<object?> parameters) =>
        ReadAsync(Prepare(sql, parameters), read, _ => false);

    /// <summary>
    /// Runs a query once per row of parameters, in one round trip if possible, and returns the rows of each.
    /// </summary>
    public abstract ValueTask<List<List<T>>> AllOfEachAsync<T>(
        string sql, Func<DbDataReader, T> read, IReadOnlyCollection<object?[]> parameters);

    /// <summary>
    /// Runs a query and returns its rows up to the first for which <paramref name="isLast"/> is true.
    /// </summary>
    public ValueTask<List<T>> UntilAsync<T>(
        string sql, Func<DbDataReader, T> read, Func<T, bool> isLast, params ReadOnlySpan<object?> parameters) =>
        ReadAsync(Prepare(sql, parameters), read, isLast);

    /// <summary>Runs a query, and reads its rows one after another without keeping them.</summary>
    public ValueTask EachAsync(string sql, Action<DbDataReader> read, params ReadOnlySpan<object?> parameters) =>
        ReadEachAsync(Prepare(sql, parameters), read);

    /// <summary>Runs a query and returns its first row, or null if there is none.</summary>
    public ValueTask<T?> FirstAsync<T>(
        string sql, Func<DbDataReader, T> read, params ReadOnlySpan<object?> parameters)
        where T : class => ReadFirstAsync(Prepare(sql, parameters), (T?)null, read);

    /// <summary>Runs a query for one number, or null if there is no row.</summary>
    public ValueTask<long?> NumberAsync(string sql, params ReadOnlySpan<object?> parameters) => ReadFirstAsync(
        Prepare(sql, parameters), (long?)null, row => row.IsDBNull(0) ? null : Convert.ToInt64(row.GetValue(0)));

    /// <summary>Runs a query for one string, or null if there is no row.</summary>
    public ValueTask<string?> TextAsync(string sql, params ReadOnlySpan<object?> parameters) => ReadFirstAsync(
        Prepare(sql, parameters), null, row => row.TextOrNull(0));

    /// <summary>The values of the placeholders in braces in the migrations and other scripts.</summary>
    public abstract IReadOnlyList<(string Placeholder, string Sql)> Dialect { get; }

    /// <summary>A script with placeholders, as this engine needs it.</summary>
    public string Translate(string script) => Dialect.Aggregate(
        script, (sql, d) => sql.Replace(d.Placeholder, d.Sql, StringComparison.Ordinal));

    /// <summary>Suffix of a query that locks its rows against other writes until this one ends.</summary>
    public abstract string ForUpdate { get; }

    /// <summary>
    /// The same where the key of the rows stays as it is: rows that refer to them can be added meanwhile.
    /// </summary>
    public abstract string ForNoKeyUpdate { get; }

    /// <summary>The same as <see cref="ForUpdate"/> for a query that skips rows locked by another write.</summary>
    public abstract string ForUpdateSkipLocked { get; }

    /// <summary>
    /// Blocks other writes that take the same lock until this one ends. SQLite has only one writer anyway.
    /// </summary>
    /// <param name="repository">The repository, which need not exist yet.</param>
    /// <param name="isShared">True: only excludes exclusive holders.</param>
    public abstract ValueTask LockAsync(RepositoryName repository, bool isShared);

    public abstract ValueTask<bool> HasTableAsync(string name);

    /// <summary>Tells other nodes of a change, once the write that it is part of has committed.</summary>
    public abstract ValueTask AnnounceAsync(string notice);

    /// <summary>Wakes all nodes for jobs, once the write that added them has committed.</summary>
    public abstract ValueTask WakeJobsAsync();

    /// <summary>The server's clock in SQL, in milliseconds since 1970; null if there is no server.</summary>
    public abstract string? ServerTime { get; }

    /// <summary>Makes a table number its next rows above those inserted with explicit ids.</summary>
    public abstract ValueTask ContinueIdentitiesAsync(string table);

    /// <summary>
    /// Stops or resumes the counting of usage with each link, for a transaction that links so many blobs that it would
    /// take ever longer, and that nobody else writes beside. Usage has to be made right before that commits.
    /// </summary>
    public abstract ValueTask CountUsageAsync(bool isOn);

    /// <summary>The query that yields the strings in a parameter made by <see cref="ToTexts"/>.</summary>
    public abstract string TextsIn(string parameter);

    /// <summary>A pattern of LIKE for texts that have a part, with ! before what means something (ESCAPE '!').
    /// </summary>
    public static string LikeOf(string part) => "%" + part.Replace("!", "!!", StringComparison.Ordinal)
        .Replace("%", "!%", StringComparison.Ordinal).Replace("_", "!_", StringComparison.Ordinal) + "%";

    /// <summary>Many strings as one parameter: a JSON array.</summary>
    public static string ToTexts(IEnumerable<string> texts) => TextJson.Write(texts);

    /// <summary>
    /// Runs statements without parameters, prepared anew: migrations, and pragmas that act when prepared.
    /// </summary>
    public abstract ValueTask RunScriptAsync(string sql);

    protected abstract DbCommand Prepare(string sql, ReadOnlySpan<object?> parameters);

    /// <summary>Returns a command from <see cref="Prepare"/> after use.</summary>
    protected abstract void Release(DbCommand command);

    private async ValueTask<int> RunAsync(DbCommand command)
    {
        try
        {
            return await command.ExecuteNonQueryAsync(Cancellation);
        }
        finally
        {
            Release(command);
        }
    }

    private async ValueTask<List<T>> ReadAsync<T>(DbCommand command, Func<DbDataReader, T> read, Func<T, bool> isLast)
    {
        try
        {
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            var rows = new List<T>();
            while (await reader.ReadAsync(Cancellation))
            {
                rows.Add(read(reader));
                if (isLast(rows[^1])) break;
            }

            return rows;
        }
        finally
        {
            Release(command);
        }
    }

    private async ValueTask ReadEachAsync(DbCommand command, Action<DbDataReader> read)
    {
        try
        {
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            while (await reader.ReadAsync(Cancellation)) read(reader);
        }
        finally
        {
            Release(command);
        }
    }

    private async ValueTask<T> ReadFirstAsync<T>(DbCommand command, T none, Func<DbDataReader, T> read)
    {
        try
        {
            await using var reader = await command.ExecuteReaderAsync(Cancellation);
            return await reader.ReadAsync(Cancellation) ? read(reader) : none;
        }
        finally
        {
            Release(command);
        }
    }
}
