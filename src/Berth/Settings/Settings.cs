namespace Berth.Settings;

/// <summary>
/// Everything that can be set. A key in the file is the path of property names in lower case
/// (<c>http.addr</c>); its environment variable is the same path in upper case (<c>REGISTRY_HTTP_ADDR</c>).
/// Keys that distribution's config.yml has keep their names and meaning.
/// </summary>
public sealed record RegistrySettings
{
    /// <summary>The version of the file's format, the only one there is: distribution's 0.1.</summary>
    public string Version { get; init; } = "0.1";

    public LogSettings Log { get; init; } = new();

    public HttpSettings Http { get; init; } = new();

    public StorageSettings Storage { get; init; } = new();

    public DatabaseSettings Database { get; init; } = new();

    /// <summary>
    /// Null when there is no such section: on a loopback address everyone may do everything, and elsewhere there are
    /// local users, and nothing is public.
    /// </summary>
    public AuthSettings? Auth { get; init; }

    /// <summary>Rights of users, groups and everyone, for those who want none in the database.</summary>
    public IReadOnlyList<AccessRuleSettings> Access { get; init; } = [];

    /// <summary>How many requests somebody may send. Default: as many as they like.</summary>
    public IReadOnlyList<RateLimitSettings> RateLimits { get; init; } = [];

    public AuditSettings Audit { get; init; } = new();

    public RepositorySettings Repositories { get; init; } = new();

    public ValidationSettings Validation { get; init; } = new();

    public CatalogSettings Catalog { get; init; } = new();

    public JobSettings Jobs { get; init; } = new();

    public LimitSettings Limits { get; init; } = new();

    public QuotaSettings Quotas { get; init; } = new();

    public ContentsSettings Contents { get; init; } = new();

    public VulnerabilitySettings Vulnerabilities { get; init; } = new();

    public SbomSettings Sbom { get; init; } = new();

    /// <summary>Other scanners that look into pushed images. Default: none.</summary>
    public IReadOnlyList<ScannerSettings> Scanners { get; init; } = [];

    public ScannerAdapterSettings ScannerAdapter { get; init; } = new();

    internal static SettingsTable<RegistrySettings> Keys { get; } = new SettingsTable<RegistrySettings>()
        .Text("version", s => s.Version, (s, v) => s with { Version = v })
        .Section("log", LogSettings.Keys, s => s.Log, (s, v) => s with { Log = v })
        .Section("http", HttpSettings.Keys, s => s.Http, (s, v) => s with { Http = v })
        .Section("storage", StorageSettings.Keys, s => s.Storage, (s, v) => s with { Storage = v })
        .Section("database", DatabaseSettings.Keys, s => s.Database, (s, v) => s with { Database = v })
        .Section("auth", AuthSettings.Keys, s => s.Auth, (s, v) => s with { Auth = v })
        .Sections("access", AccessRuleSettings.Keys, s => s.Access, (s, v) => s with { Access = v })
        .Sections("ratelimits", RateLimitSettings.Keys, s => s.RateLimits, (s, v) => s with { RateLimits = v })
        .Section("audit", AuditSettings.Keys, s => s.Audit, (s, v) => s with { Audit = v })
        .Section("repositories", RepositorySettings.Keys, s => s.Repositories, (s, v) => s with { Repositories = v })
        .Section("validation", ValidationSettings.Keys, s => s.Validation, (s, v) => s with { Validation = v })
        .Section("catalog", CatalogSettings.Keys, s => s.Catalog, (s, v) => s with { Catalog = v })
        .Section("jobs", JobSettings.Keys, s => s.Jobs, (s, v) => s with { Jobs = v })
        .Section("limits", LimitSettings.Keys, s => s.Limits, (s, v) => s with { Limits = v })
        .Section("quotas", QuotaSettings.Keys, s => s.Quotas, (s, v) => s with { Quotas = v })
        .Section("contents", ContentsSettings.Keys, s => s.Contents, (s, v) => s with { Contents = v })
        .Section("sbom", SbomSettings.Keys, s => s.Sbom, (s, v) => s with { Sbom = v })
        .Section(
            "vulnerabilities", VulnerabilitySettings.Keys, s => s.Vulnerabilities,
            (s, v) => s with { Vulnerabilities = v })
        .Sections("scanners", ScannerSettings.Keys, s => s.Scanners, (s, v) => s with { Scanners = v })
        .Section(
            "scanneradapter", ScannerAdapterSettings.Keys, s => s.ScannerAdapter,
            (s, v) => s with { ScannerAdapter = v });
}

/// <summary>The least severe message that is written.</summary>
public enum LogLevelName
{
    Error,
    Warn,
    Info,
    Debug,
}

/// <summary>How a log line is written.</summary>
public enum LogFormatter
{
    Text,
    Json,
}

/// <summary>What is logged, and how.</summary>
public sealed record LogSettings
{
    /// <summary>Default: distribution's.</summary>
    public LogLevelName Level { get; init; } = LogLevelName.Info;

    /// <summary>Default: distribution's.</summary>
    public LogFormatter Formatter { get; init; } = LogFormatter.Text;

    public AccessLogSettings AccessLog { get; init; } = new();

    /// <summary>Names and values added to every line.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();

    internal static SettingsTable<LogSettings> Keys { get; } = new SettingsTable<LogSettings>()
        .Choice(
            "level", s => s.Level, (s, v) => s with { Level = v }, ("warning", LogLevelName.Warn),
            ("fatal", LogLevelName.Error), ("panic", LogLevelName.Error), ("trace", LogLevelName.Debug))
        .Choice("formatter", s => s.Formatter, (s, v) => s with { Formatter = v }, ("logstash", LogFormatter.Json))
        .Section("accesslog", AccessLogSettings.Keys, s => s.AccessLog, (s, v) => s with { AccessLog = v })
        .Map("fields", s => s.Fields, (s, v) => s with { Fields = v });
}

/// <summary>The log line of each request.</summary>
public sealed record AccessLogSettings
{
    public bool Disabled { get; init; }

    internal static SettingsTable<AccessLogSettings> Keys { get; } = new SettingsTable<AccessLogSettings>()
        .Switch("disabled", s => s.Disabled, (s, v) => s with { Disabled = v });
}

/// <summary>How pushed content is validated.</summary>
public sealed record ValidationSettings
{
    /// <summary>Skip the checks below. Digests, formats and references are checked all the same.</summary>
    public bool Disabled { get; init; }

    public ManifestValidationSettings Manifests { get; init; } = new();

    internal static ValidationSettings Nothing { get; } = new()
    {
        Disabled = true,
        Manifests = new() { Indexes = new() { Platforms = "none" } },
    };

    internal static SettingsTable<ValidationSettings> Keys { get; } = new SettingsTable<ValidationSettings>()
        .Switch("disabled", s => s.Disabled, (s, v) => s with { Disabled = v })
        .Section("manifests", ManifestValidationSettings.Keys, s => s.Manifests, (s, v) => s with { Manifests = v });
}

/// <summary>What is checked in manifests besides their format.</summary>
public sealed record ManifestValidationSettings
{
    public IndexValidationSettings Indexes { get; init; } = new();

    public UrlValidationSettings Urls { get; init; } = new();

    internal static SettingsTable<ManifestValidationSettings> Keys { get; } =
        new SettingsTable<ManifestValidationSettings>()
        .Section("indexes", IndexValidationSettings.Keys, s => s.Indexes, (s, v) => s with { Indexes = v })
        .Section("urls", UrlValidationSettings.Keys, s => s.Urls, (s, v) => s with { Urls = v });
}

/// <summary>Which children of an index must be in the repository when the index is pushed.</summary>
public sealed record IndexValidationSettings
{
    /// <summary>
    /// <c>all</c>, <c>none</c>, or <c>list</c>: those in <see cref="PlatformList"/>. Default: distribution's.
    /// </summary>
    public string Platforms { get; init; } = "all";

    public IReadOnlyList<PlatformSettings> PlatformList { get; init; } = [];

    internal static SettingsTable<IndexValidationSettings> Keys { get; } = new SettingsTable<IndexValidationSettings>()
        .Text("platforms", s => s.Platforms, (s, v) => s with { Platforms = v })
        .Sections("platformlist", PlatformSettings.Keys, s => s.PlatformList, (s, v) => s with { PlatformList = v });
}

/// <summary>A platform, named as in image-spec, image-index.md.</summary>
public sealed record PlatformSettings
{
    public string Architecture { get; init; } = "";

    public string Os { get; init; } = "";

    internal static SettingsTable<PlatformSettings> Keys { get; } = new SettingsTable<PlatformSettings>()
        .Text("architecture", s => s.Architecture, (s, v) => s with { Architecture = v })
        .Text("os", s => s.Os, (s, v) => s with { Os = v });
}

/// <summary>Regular expressions for the URLs that descriptors of pushed manifests may carry.</summary>
public sealed record UrlValidationSettings
{
    public IReadOnlyList<string> Allow { get; init; } = [];

    public IReadOnlyList<string> Deny { get; init; } = [];

    internal static SettingsTable<UrlValidationSettings> Keys { get; } = new SettingsTable<UrlValidationSettings>()
        .Texts("allow", s => s.Allow, (s, v) => s with { Allow = v })
        .Texts("deny", s => s.Deny, (s, v) => s with { Deny = v });
}

/// <summary>The list of repositories.</summary>
public sealed record CatalogSettings
{
    /// <summary>The largest page of <c>/v2/_catalog</c>, in entries. Default: distribution's.</summary>
    public int MaxEntries { get; init; } = 1000;

    /// <summary>The most repositories in one answer when the client sends no <c>n</c>. Default: as for tags.</summary>
    public int ListEntries { get; init; } = 100_000;

    internal static SettingsTable<CatalogSettings> Keys { get; } = new SettingsTable<CatalogSettings>()
        .Number("maxentries", s => s.MaxEntries, (s, v) => s with { MaxEntries = v }, 1, 100_000)
        .Number("listentries", s => s.ListEntries, (s, v) => s with { ListEntries = v }, 1, 10_000_000);
}
