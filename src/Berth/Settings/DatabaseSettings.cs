namespace Berth.Settings;

/// <summary>
/// Where the metadata is stored: in a SQLite file, or in PostgreSQL if <see cref="Host"/> is given. The keys for
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

    /// <summary>File with the CA certificates that the server's certificate is verified against.</summary>
    public string? SslRootCert { get; init; }

    /// <summary>File with the client certificate that Berth presents.</summary>
    public string? SslCert { get; init; }

    public string? SslKey { get; init; }

    /// <summary>The longest wait for a connection, whether new or from the pool.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait for the answer to one statement.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether statements are prepared. Turn it off behind a pooler in transaction mode.</summary>
    public bool PreparedStatements { get; init; } = true;

    public PoolSettings Pool { get; init; } = new();

    /// <summary>How often a statement or transaction is retried after a transient failure.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>The delay before the first retry; each later retry waits that much longer.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How stale a cached answer may be while this node does not hear other nodes' changes.</summary>
    public TimeSpan CacheStaleness { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long cached manifests and blob links are still used while the database is unavailable. 0: not at all.
    /// </summary>
    public TimeSpan ServeCachedFor { get; init; } = TimeSpan.FromMinutes(1);

    internal static SettingsTable<DatabaseSettings> Keys { get; } = new SettingsTable<DatabaseSettings>()
        .Text("path", s => s.Path, (s, v) => s with { Path = v })
        .Text("host", s => s.Host, (s, v) => s with { Host = v })
        .Number("port", s => s.Port, (s, v) => s with { Port = v }, 1, 65_535)
        .Text("user", s => s.User, (s, v) => s with { User = v })
        .Text("password", s => s.Password, (s, v) => s with { Password = v })
        .Text("dbname", s => s.DbName, (s, v) => s with { DbName = v })
        .Text("sslmode", s => s.SslMode, (s, v) => s with { SslMode = v })
        .Text("sslrootcert", s => s.SslRootCert, (s, v) => s with { SslRootCert = v })
        .Text("sslcert", s => s.SslCert, (s, v) => s with { SslCert = v })
        .Text("sslkey", s => s.SslKey, (s, v) => s with { SslKey = v })
        .Duration("connecttimeout", s => s.ConnectTimeout,
            (s, v) => s with { ConnectTimeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Duration("querytimeout", s => s.QueryTimeout,
            (s, v) => s with { QueryTimeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Switch("preparedstatements", s => s.PreparedStatements, (s, v) => s with { PreparedStatements = v })
        .Section("pool", PoolSettings.Keys, s => s.Pool, (s, v) => s with { Pool = v })
        .Number("retries", s => s.Retries, (s, v) => s with { Retries = v }, 0, 100)
        .Duration("retrydelay", s => s.RetryDelay,
            (s, v) => s with { RetryDelay = v }, TimeSpan.Zero, TimeSpan.FromMinutes(1))
        .Duration("cachestaleness", s => s.CacheStaleness,
            (s, v) => s with { CacheStaleness = v }, TimeSpan.FromSeconds(2), TimeSpan.FromHours(1))
        .Duration("servecachedfor", s => s.ServeCachedFor,
            (s, v) => s with { ServeCachedFor = v }, TimeSpan.Zero, SettingsBounds.LongestWait);
}

/// <summary>The connections to PostgreSQL that one node keeps.</summary>
public sealed record PoolSettings
{
    /// <summary>The most connections at once, besides the one that listens.</summary>
    public int MaxOpen { get; init; } = 50;

    /// <summary>How long an idle connection is kept.</summary>
    public TimeSpan MaxIdleTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long any connection is used. 0: forever.</summary>
    public TimeSpan MaxLifetime { get; init; } = TimeSpan.FromHours(1);

    internal static SettingsTable<PoolSettings> Keys { get; } = new SettingsTable<PoolSettings>()
        .Number("maxopen", s => s.MaxOpen, (s, v) => s with { MaxOpen = v }, 1, 10_000)
        .Duration("maxidletime", s => s.MaxIdleTime,
            (s, v) => s with { MaxIdleTime = v }, TimeSpan.FromSeconds(10), SettingsBounds.LongestWait)
        .Duration("maxlifetime", s => s.MaxLifetime,
            (s, v) => s with { MaxLifetime = v }, TimeSpan.Zero, SettingsBounds.LongestWait);
}
