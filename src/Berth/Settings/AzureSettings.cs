namespace Berth.Settings;

/// <summary>
/// Content in a container of Azure Blob Storage. Names and meanings are those of distribution's driver, down to
/// <see cref="SkipVerify"/>; what follows is Berth's own.
/// </summary>
public sealed record AzureSettings
{
    private const long LeastBlockBytes = 5 << 20;

    /// <summary>Azure's limit for a block.</summary>
    private const long MostBlockBytes = 4000L << 20;

    /// <summary>Required.</summary>
    public string AccountName { get; init; } = "";

    /// <summary>One of the account's two keys, in base64.</summary>
    public string? AccountKey { get; init; }

    /// <summary>Required; it must exist at startup.</summary>
    public string Container { get; init; } = "";

    public AzureCredentialSettings Credentials { get; init; } = new();

    /// <summary>The prefix of every blob's name.</summary>
    public string RootDirectory { get; init; } = "";

    /// <summary>The end of the store's host name, which differs in national clouds.</summary>
    public string Realm { get; init; } = "core.windows.net";

    /// <summary>The store's URL. Null: derived from the account and the realm.</summary>
    public string? ServiceUrl { get; init; }

    /// <summary>Accept any certificate.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>A shared access signature, used instead of a key.</summary>
    public string? SasToken { get; init; }

    /// <summary>The size of an upload's first blocks, in bytes. Later ones grow.</summary>
    public long ChunkSize { get; init; } = 10 << 20;

    /// <summary>Memory for blocks on their way to the store, shared by all uploads, in bytes.</summary>
    public long UploadMemoryBytes { get; init; } = 256 << 20;

    /// <summary>How often a request to the store is retried after a transient failure.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>How long the store may be silent before a request is given up or retried.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The store's URL, without a trailing slash.</summary>
    internal string Endpoint => (ServiceUrl ?? $"https://{AccountName}.blob.{Realm}").TrimEnd('/');

    /// <summary>The container's location, without any secrets.</summary>
    public override string ToString() => RootDirectory.Trim('/') is { Length: > 0 } prefix
        ? $"azure://{AccountName}/{Container}/{prefix}"
        : $"azure://{AccountName}/{Container}";

    internal static SettingsTable<AzureSettings> Keys { get; } = new SettingsTable<AzureSettings>()
        .Text("accountname", s => s.AccountName, (s, v) => s with { AccountName = v })
        .Text("accountkey", s => s.AccountKey, (s, v) => s with { AccountKey = v })
        .Text("container", s => s.Container, (s, v) => s with { Container = v })
        .Section("credentials", AzureCredentialSettings.Keys, s => s.Credentials,
            (s, v) => s with { Credentials = v })
        .Text("rootdirectory", s => s.RootDirectory, (s, v) => s with { RootDirectory = v })
        .Text("realm", s => s.Realm, (s, v) => s with { Realm = v })
        .Text("serviceurl", s => s.ServiceUrl, (s, v) => s with { ServiceUrl = v })
        .Switch("skipverify", s => s.SkipVerify, (s, v) => s with { SkipVerify = v })
        .Text("sastoken", s => s.SasToken, (s, v) => s with { SasToken = v })
        .Size("chunksize", s => s.ChunkSize,
            (s, v) => s with { ChunkSize = v }, LeastBlockBytes, MostBlockBytes)
        .Size("uploadmemorybytes", s => s.UploadMemoryBytes,
            (s, v) => s with { UploadMemoryBytes = v }, LeastBlockBytes, 1L << 40)
        .Number("retries", s => s.Retries, (s, v) => s with { Retries = v }, 0, 100)
        .Synonym("max_retries", "retries")
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
}

/// <summary>How Berth signs in to Azure, unless it uses the account's key.</summary>
public sealed record AzureCredentialSettings
{
    internal const string SharedKey = "shared_key";
    internal const string ClientSecret = "client_secret";
    internal const string FromMachine = "default_credentials";

    /// <summary>
    /// <c>shared_key</c>, <c>client_secret</c> or <c>default_credentials</c>. Null: the account's key or the shared
    /// access signature if there is one, otherwise the default credentials.
    /// </summary>
    public string? Type { get; init; }

    /// <summary>With <c>client_secret</c>: the application's client id.</summary>
    public string? ClientId { get; init; }

    /// <summary>With <c>client_secret</c>: the id of the application's tenant.</summary>
    public string? TenantId { get; init; }

    /// <summary>With <c>client_secret</c>: its secret.</summary>
    public string? Secret { get; init; }

    /// <summary>Without any secrets.</summary>
    public override string ToString() => Type ?? "";

    internal static SettingsTable<AzureCredentialSettings> Keys { get; } = new SettingsTable<AzureCredentialSettings>()
        .Text("type", s => s.Type, (s, v) => s with { Type = v })
        .Text("clientid", s => s.ClientId, (s, v) => s with { ClientId = v })
        .Text("tenantid", s => s.TenantId, (s, v) => s with { TenantId = v })
        .Text("secret", s => s.Secret, (s, v) => s with { Secret = v });
}
