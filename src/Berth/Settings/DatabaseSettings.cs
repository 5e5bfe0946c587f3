namespace Berth.Settings;

/// <summary>
/// Where the metadata lies: in a SQLite file, or in PostgreSQL where <see cref="Host"/> is given. The keys for
/// PostgreSQL are those that other registries with a metadata database have.
/// </summary>
public sealed record DatabaseSettings
{
    /// <summary>The SQLite file. Null: <c>berth.db</c> in <see cref="FilesystemSettings.RootDirectory"/>.</summary>
    public string? Path { get; init; }

    /// <summary>PostgreSQL's name or address, or the folder of its Unix socket. Null: SQLite.</summary>
    public string? Host { get; init; }

    public int Port { get; init; } = 5432;

    public string User { get; init; } = "berth";

    public string? Password { get; init; }

    public string DbName { get; init; } = "berth";

    /// <summary>
    /// <c>disable</c>, <c>allow</c>, <c>prefer</c>, <c>require</c>, <c>verify-ca</c> or <c>verify-full</c>, with
    /// libpq's meaning. Default: libpq's.
    /// </summary>
    public string SslMode { get; init; } = "prefer";

    /// <summary>The file of the authorities that the server's certificate is checked against.</summary>
    public string? SslRootCert { get; init; }

    /// <summary>The file of the certificate that Berth shows.</summary>
    public string? SslCert { get; init; }

    public string? SslKey { get; init; }

    /// <summary>The longest wait for a connection, whether a new one or a free one of the pool.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait for the answer to one statement.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether statements are prepared; not through a pooler that gives connections per transaction.</summary>
    public bool PreparedStatements { get; init; } = true;

    public PoolSettings Pool { get; init; } = new();

    /// <summary>How often a statement or transaction is tried again after a failure that passes.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>The rest before the first new try; each later one rests that much longer.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How old an answer from the cache may be where other nodes' changes can't be heard.</summary>
    public TimeSpan CacheStaleness { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long cached manifests and blob links still answer while the database does not. 0: not at all.
    /// </summary>
    public TimeSpan ServeCachedFor { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>The connections to PostgreSQL that one node keeps.</summary>
public sealed record PoolSettings
{
    /// <summary>The most connections at once, beside one that listens.</summary>
    public int MaxOpen { get; init; } = 50;

    /// <summary>How long an idle connection is kept.</summary>
    public TimeSpan MaxIdleTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long any connection is used. 0: for ever.</summary>
    public TimeSpan MaxLifetime { get; init; } = TimeSpan.FromHours(1);
}
