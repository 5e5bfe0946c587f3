namespace Berth.Settings;

/// <summary>Where content is kept, and how it is maintained.</summary>
public sealed record StorageSettings
{
    public FilesystemSettings Filesystem { get; init; } = new();

    /// <summary>Null if there is no such section: content is kept in the folder.</summary>
    public S3Settings? S3 { get; init; }

    /// <summary>Null if there is no such section: content is kept in the folder, or in S3.</summary>
    public AzureSettings? Azure { get; init; }

    /// <summary>Null if there is no such section. If there is one, content is gone when Berth exits.</summary>
    public InMemorySettings? InMemory { get; init; }

    public RedirectSettings Redirect { get; init; } = new();

    public DeleteSettings Delete { get; init; } = new();

    public MaintenanceSettings Maintenance { get; init; } = new();

    public CacheSettings Cache { get; init; } = new();

    /// <summary>Whether content is stored elsewhere than in a folder.</summary>
    internal bool IsRemote => S3 is not null || Azure is not null;

    /// <summary>Whether other nodes share the store, so that any of them may resume an upload.</summary>
    internal bool IsShared { get => field || IsRemote; init; }

    internal static SettingsTable<StorageSettings> Keys { get; } = new SettingsTable<StorageSettings>()
        .Section("filesystem", FilesystemSettings.Keys, s => s.Filesystem, (s, v) => s with { Filesystem = v })
        .Section("s3", S3Settings.Keys, s => s.S3, (s, v) => s with { S3 = v })
        .Section("azure", AzureSettings.Keys, s => s.Azure, (s, v) => s with { Azure = v })
        .Section("inmemory", InMemorySettings.Keys, s => s.InMemory, (s, v) => s with { InMemory = v })
        .Synonym("s3aws", "s3")
        .Section("redirect", RedirectSettings.Keys, s => s.Redirect, (s, v) => s with { Redirect = v })
        .Section("delete", DeleteSettings.Keys, s => s.Delete, (s, v) => s with { Delete = v })
        .Section("maintenance", MaintenanceSettings.Keys, s => s.Maintenance, (s, v) => s with { Maintenance = v })
        .Section("cache", CacheSettings.Keys, s => s.Cache, (s, v) => s with { Cache = v });
}

/// <summary>Content in a folder; with S3 or Azure, only the database.</summary>
public sealed record FilesystemSettings
{
    /// <summary>
    /// The folder that holds everything stored, created if missing. Relative to the working directory.
    /// </summary>
    public string RootDirectory { get; init; } = "data";

    /// <summary>Whether large blobs bypass the kernel's page cache, if the file system supports it.</summary>
    public bool DirectWrites { get; init; } = true;

    internal static SettingsTable<FilesystemSettings> Keys { get; } = new SettingsTable<FilesystemSettings>()
        .Text("rootdirectory", s => s.RootDirectory, (s, v) => s with { RootDirectory = v })
        .Switch("directwrites", s => s.DirectWrites, (s, v) => s with { DirectWrites = v });
}

/// <summary>
/// Everything in a folder in memory, or among the temporary files if there is little memory, that is removed on exit:
/// for tests.
/// </summary>
public sealed record InMemorySettings
{
    internal static SettingsTable<InMemorySettings> Keys { get; } = new();
}

/// <summary>Deletion over the API.</summary>
public sealed record DeleteSettings
{
    /// <summary>Whether tags, manifests and blobs can be deleted over the API. Distribution: false.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>
    /// Whether a blob can be deleted while a manifest of its repository references it, which breaks the image.
    /// Distribution: true.
    /// </summary>
    public bool NeededBlobs { get; init; }

    internal static SettingsTable<DeleteSettings> Keys { get; } = new SettingsTable<DeleteSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Switch("neededblobs", s => s.NeededBlobs, (s, v) => s with { NeededBlobs = v });
}

/// <summary>Maintenance of the store, independent of requests.</summary>
public sealed record MaintenanceSettings
{
    public UploadPurgingSettings UploadPurging { get; init; } = new();

    public GarbageSettings Gc { get; init; } = new();

    public TrashSettings Trash { get; init; } = new();

    public RetentionSettings Retention { get; init; } = new();

    public TagHistorySettings TagHistory { get; init; } = new();

    public PullSettings Pulls { get; init; } = new();

    public BackupSettings Backup { get; init; } = new();

    public ScrubSettings Scrub { get; init; } = new();

    public JournalSettings Journal { get; init; } = new();

    public ReadOnlySettings ReadOnly { get; init; } = new();

    internal static SettingsTable<MaintenanceSettings> Keys { get; } = new SettingsTable<MaintenanceSettings>()
        .Section("uploadpurging", UploadPurgingSettings.Keys, s => s.UploadPurging,
            (s, v) => s with { UploadPurging = v })
        .Section("gc", GarbageSettings.Keys, s => s.Gc, (s, v) => s with { Gc = v })
        .Section("trash", TrashSettings.Keys, s => s.Trash, (s, v) => s with { Trash = v })
        .Section("retention", RetentionSettings.Keys, s => s.Retention, (s, v) => s with { Retention = v })
        .Section("taghistory", TagHistorySettings.Keys, s => s.TagHistory, (s, v) => s with { TagHistory = v })
        .Section("pulls", PullSettings.Keys, s => s.Pulls, (s, v) => s with { Pulls = v })
        .Section("backup", BackupSettings.Keys, s => s.Backup, (s, v) => s with { Backup = v })
        .Section("scrub", ScrubSettings.Keys, s => s.Scrub, (s, v) => s with { Scrub = v })
        .Section("journal", JournalSettings.Keys, s => s.Journal, (s, v) => s with { Journal = v })
        .Section("readonly", ReadOnlySettings.Keys, s => s.ReadOnly, (s, v) => s with { ReadOnly = v });
}

/// <summary>When abandoned uploads are removed. All defaults: distribution's.</summary>
public sealed record UploadPurgingSettings
{
    public bool Enabled { get; init; } = true;

    /// <summary>How long after its last byte an upload counts as abandoned.</summary>
    public TimeSpan Age { get; init; } = TimeSpan.FromHours(168);

    /// <summary>The time between two rounds.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Only log what would be removed.</summary>
    public bool DryRun { get; init; }

    internal static SettingsTable<UploadPurgingSettings> Keys { get; } = new SettingsTable<UploadPurgingSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Duration("age", s => s.Age, (s, v) => s with { Age = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(36_500))
        .Duration("interval", s => s.Interval,
            (s, v) => s with { Interval = v }, TimeSpan.FromSeconds(1), SettingsBounds.LongestWait)
        .Switch("dryrun", s => s.DryRun, (s, v) => s with { DryRun = v });
}

/// <summary>How content that nothing needs any more is removed.</summary>
public sealed record GarbageSettings
{
    public bool Enabled { get; init; } = true;

    /// <summary>
    /// How long a blob stays after the last manifest that needs it went, or after it was pushed without one. For the
    /// first half it is served; in the second, a manifest that needs it still finds it. A push has at least half of it
    /// between its first blob and its manifest. Default: distribution's advice for running its collector, a day.
    /// </summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The time between two rounds.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a manifest stays after its last tag or index went. One that was pushed by its digest, and never had a
    /// tag or index, stays for ever. Default: long enough for deployments by digest to be renewed.
    /// </summary>
    public TimeSpan Untagged { get; init; } = TimeSpan.FromDays(30);

    /// <summary>
    /// The percentage of the time that a round works, and does not rest for the sake of pulls and pushes. A collection
    /// that somebody asked for does not rest.
    /// </summary>
    public int Share { get; init; } = 10;

    /// <summary>The most blobs that are deleted a second; 0 for no limit.</summary>
    public int BlobsPerSecond { get; init; }

    /// <summary>The time between two looks for files that no row knows, which read the names of all blobs.</summary>
    public TimeSpan OrphanInterval { get; init; } = TimeSpan.FromDays(7);

    internal static SettingsTable<GarbageSettings> Keys { get; } = new SettingsTable<GarbageSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Duration("grace", s => s.Grace, (s, v) => s with { Grace = v }, TimeSpan.FromSeconds(10),
            TimeSpan.FromDays(36_500))
        .Duration("interval", s => s.Interval, (s, v) => s with { Interval = v }, TimeSpan.FromSeconds(1),
            SettingsBounds.LongestWait)
        .Duration("untagged", s => s.Untagged, (s, v) => s with { Untagged = v }, TimeSpan.FromSeconds(10),
            TimeSpan.FromDays(36_500))
        .Number("share", s => s.Share, (s, v) => s with { Share = v }, 1, 100)
        .Number("blobspersecond", s => s.BlobsPerSecond, (s, v) => s with { BlobsPerSecond = v }, 0, 1_000_000)
        .Duration("orphaninterval", s => s.OrphanInterval, (s, v) => s with { OrphanInterval = v },
            TimeSpan.FromMinutes(1), SettingsBounds.LongestWait);
}

/// <summary>What was deleted, and can be brought back for a while.</summary>
public sealed record TrashSettings
{
    /// <summary>
    /// How long tags, manifests and repositories stay in the trash after they were deleted; 0 for no trash, so that
    /// deletions are for good.
    /// </summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(7);

    internal static SettingsTable<TrashSettings> Keys { get; } = new SettingsTable<TrashSettings>()
        .Duration("keep", s => s.Keep, (s, v) => s with { Keep = v }, TimeSpan.Zero, TimeSpan.FromDays(36_500));
}

/// <summary>How rules say which tags go. The rules themselves are in the database.</summary>
public sealed record RetentionSettings
{
    /// <summary>Whether rules are run by themselves.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>The time between two runs.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most rules of a namespace.</summary>
    public int MaxRules { get; init; } = 100;

    internal static SettingsTable<RetentionSettings> Keys { get; } = new SettingsTable<RetentionSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Duration("interval", s => s.Interval, (s, v) => s with { Interval = v }, TimeSpan.FromSeconds(10),
            SettingsBounds.LongestWait)
        .Number("maxrules", s => s.MaxRules, (s, v) => s with { MaxRules = v }, 1, 10_000);
}

/// <summary>Which pulls count as use of an image.</summary>
public sealed record PullSettings
{
    /// <summary>Whether the times of pulls are kept.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Beginnings of the User-Agent of clients whose pulls don't count: scanners.</summary>
    public IReadOnlyList<string> IgnoreAgents { get; init; } =
        ["trivy", "grype", "syft", "clair", "harbor-scanner", "snyk", "anchore"];

    /// <summary>Names of accounts whose pulls don't count.</summary>
    public IReadOnlyList<string> IgnoreUsers { get; init; } = [];

    internal static SettingsTable<PullSettings> Keys { get; } = new SettingsTable<PullSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Texts("ignoreagents", s => s.IgnoreAgents, (s, v) => s with { IgnoreAgents = v })
        .Texts("ignoreusers", s => s.IgnoreUsers, (s, v) => s with { IgnoreUsers = v });
}

/// <summary>A registry that serves only pulls.</summary>
public sealed record ReadOnlySettings
{
    /// <summary>Refuse everything that writes.</summary>
    public bool Enabled { get; init; }

    internal static SettingsTable<ReadOnlySettings> Keys { get; } = new SettingsTable<ReadOnlySettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v });
}

/// <summary>Caching of metadata.</summary>
public sealed record CacheSettings
{
    /// <summary>Distribution's key: <c>inmemory</c> or <c>redis</c>. Berth caches in memory whatever it says.</summary>
    public string? BlobDescriptor { get; init; }

    internal static SettingsTable<CacheSettings> Keys { get; } = new SettingsTable<CacheSettings>()
        .Text("blobdescriptor", s => s.BlobDescriptor, (s, v) => s with { BlobDescriptor = v })
        .Synonym("layerinfo", "blobdescriptor");
}
