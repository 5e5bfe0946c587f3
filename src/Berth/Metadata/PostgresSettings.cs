using Berth.Settings;
using Npgsql;

namespace Berth.Metadata;

/// <summary>The settings in the driver's form.</summary>
internal sealed class PostgresSettings(DatabaseSettings settings)
{
    /// <summary>The most statements prepared per connection; Berth has fewer.</summary>
    private const int PreparedStatements = 200;

    /// <summary>The name under which PostgreSQL lists Berth's connections.</summary>
    public const string ApplicationName = "berth";

    /// <summary>The database's location, for people, without the password.</summary>
    public string Name { get; } = $"postgres://{settings.User}@{settings.Host}:{settings.Port}/{settings.DbName}";

    public int Retries { get; } = settings.Retries;

    public TimeSpan RetryDelay { get; } = settings.RetryDelay;

    public TimeSpan CacheStaleness { get; } = settings.CacheStaleness;

    public TimeSpan ServeCachedFor { get; } = settings.ServeCachedFor;

    public string ConnectionString { get; } = new NpgsqlConnectionStringBuilder
    {
        Host = settings.Host,
        Port = settings.Port,
        Username = settings.User,
        Password = settings.Password,
        Database = settings.DbName,
        SslMode = settings.SslMode switch
        {
            "disable" => SslMode.Disable,
            "allow" => SslMode.Allow,
            "require" => SslMode.Require,
            "verify-ca" => SslMode.VerifyCA,
            "verify-full" => SslMode.VerifyFull,
            _ => SslMode.Prefer,
        },
        RootCertificate = settings.SslRootCert,
        SslCertificate = settings.SslCert,
        SslKey = settings.SslKey,
        Timeout = Seconds(settings.ConnectTimeout),
        CommandTimeout = Seconds(settings.QueryTimeout),
        CancellationTimeout = 2000,
        KeepAlive = 30,
        TcpKeepAlive = true,
        MaxPoolSize = settings.Pool.MaxOpen,
        ConnectionIdleLifetime = Seconds(settings.Pool.MaxIdleTime),
        ConnectionLifetime = Seconds(settings.Pool.MaxLifetime),
        MaxAutoPrepare = settings.PreparedStatements ? PreparedStatements : 0,
        ApplicationName = ApplicationName,
        IncludeErrorDetail = false,
    }.ToString();

    private static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);
}
