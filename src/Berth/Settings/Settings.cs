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

    /// <summary>Null when there is no such section: everyone may do everything, on a loopback address only.</summary>
    public AuthSettings? Auth { get; init; }

    public ValidationSettings Validation { get; init; } = new();

    public CatalogSettings Catalog { get; init; } = new();

    public JobSettings Jobs { get; init; } = new();

    public LimitSettings Limits { get; init; } = new();
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

    /// <summary>Names and values that every line carries.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();
}

/// <summary>The line that each request leaves in the log.</summary>
public sealed record AccessLogSettings
{
    public bool Disabled { get; init; }
}

/// <summary>What a request without credentials may do.</summary>
public enum AnonymousAccess
{
    None,
    Pull,
    Full,
}

/// <summary>Who may do what. At least one of its keys must be given.</summary>
public sealed record AuthSettings
{
    /// <summary>Default: nothing, as with distribution's htpasswd.</summary>
    public AnonymousAccess Anonymous { get; init; } = AnonymousAccess.None;

    public HtpasswdSettings? Htpasswd { get; init; }

    /// <summary>
    /// How long the tokens are good for that clients get for a password. Default: distribution's documents have it in
    /// their example; clients take anything below 60 s for 60 s.
    /// </summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    public PasswordCheckSettings PasswordChecks { get; init; } = new();
}

/// <summary>How much of the machine may go into checking passwords, which bcrypt makes dear on purpose.</summary>
public sealed record PasswordCheckSettings
{
    /// <summary>Threads that check. Default: 0, one fewer than there are cores, and at least one.</summary>
    public int Threads { get; init; }

    /// <summary>The most checks that wait. Default: some seconds' work of one thread at bcrypt's usual cost.</summary>
    public int Waiting { get; init; } = 100;

    /// <summary>The most that wait for one client address. Default: more than any client asks at once.</summary>
    public int WaitingPerClient { get; init; } = 16;
}

/// <summary>Users from a file that <c>htpasswd -B</c> writes.</summary>
public sealed record HtpasswdSettings
{
    /// <summary>The realm of the Basic challenge (RFC 7617).</summary>
    public string Realm { get; init; } = "Berth";

    /// <summary>The file of <c>name:bcrypt</c> lines. It must be given, and exist at start.</summary>
    public string Path { get; init; } = "";
}

/// <summary>What is checked of content that is pushed.</summary>
public sealed record ValidationSettings
{
    public ManifestValidationSettings Manifests { get; init; } = new();
}

/// <summary>What is checked of manifests, besides their form.</summary>
public sealed record ManifestValidationSettings
{
    public IndexValidationSettings Indexes { get; init; } = new();

    public UrlValidationSettings Urls { get; init; } = new();
}

/// <summary>Which children of an index must be in the repository when the index is pushed.</summary>
public sealed record IndexValidationSettings
{
    /// <summary>
    /// <c>all</c>, <c>none</c>, or <c>list</c>: those in <see cref="PlatformList"/>. Default: distribution's.
    /// </summary>
    public string Platforms { get; init; } = "all";

    public IReadOnlyList<PlatformSettings> PlatformList { get; init; } = [];
}

/// <summary>A platform by the names of image-spec, image-index.md.</summary>
public sealed record PlatformSettings
{
    public string Architecture { get; init; } = "";

    public string Os { get; init; } = "";
}

/// <summary>Regular expressions for the URLs that descriptors of pushed manifests may carry.</summary>
public sealed record UrlValidationSettings
{
    public IReadOnlyList<string> Allow { get; init; } = [];

    public IReadOnlyList<string> Deny { get; init; } = [];
}

/// <summary>The list of repositories.</summary>
public sealed record CatalogSettings
{
    /// <summary>The largest page of <c>/v2/_catalog</c>, in entries. Default: distribution's.</summary>
    public int MaxEntries { get; init; } = 1000;

    /// <summary>
    /// The most repositories in one answer when the client names no number, in entries. Default: that of tags.
    /// </summary>
    public int ListEntries { get; init; } = 100_000;
}
