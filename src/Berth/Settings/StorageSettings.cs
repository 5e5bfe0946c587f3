namespace Berth.Settings;

/// <summary>Where content is kept, and how it is looked after.</summary>
public sealed record StorageSettings
{
    public FilesystemSettings Filesystem { get; init; } = new();

    /// <summary>Null where there is no such section: content lies in the folder.</summary>
    public S3Settings? S3 { get; init; }

    /// <summary>Null where there is no such section. Content then is gone when Berth ends.</summary>
    public InMemorySettings? InMemory { get; init; }

    public RedirectSettings Redirect { get; init; } = new();

    public DeleteSettings Delete { get; init; } = new();

    public MaintenanceSettings Maintenance { get; init; } = new();

    public CacheSettings Cache { get; init; } = new();

    /// <summary>Whether other nodes use the same store, and any of them may go on with an upload.</summary>
    internal bool IsShared { get => field || S3 is not null; init; }

    internal static SettingsTable<StorageSettings> Keys { get; } = new SettingsTable<StorageSettings>()
        .Section("filesystem", FilesystemSettings.Keys, s => s.Filesystem, (s, v) => s with { Filesystem = v })
        .Section("s3", S3Settings.Keys, s => s.S3, (s, v) => s with { S3 = v })
        .Section("inmemory", InMemorySettings.Keys, s => s.InMemory, (s, v) => s with { InMemory = v })
        .Synonym("s3aws", "s3")
        .Section("redirect", RedirectSettings.Keys, s => s.Redirect, (s, v) => s with { Redirect = v })
        .Section("delete", DeleteSettings.Keys, s => s.Delete, (s, v) => s with { Delete = v })
        .Section("maintenance", MaintenanceSettings.Keys, s => s.Maintenance, (s, v) => s with { Maintenance = v })
        .Section("cache", CacheSettings.Keys, s => s.Cache, (s, v) => s with { Cache = v });
}

/// <summary>Content in a folder; with S3, only what is not content.</summary>
public sealed record FilesystemSettings
{
    /// <summary>The folder of everything stored, made when it is missing. Relative to the working folder.</summary>
    public string RootDirectory { get; init; } = "data";

    /// <summary>Whether large blobs are written past the kernel's page cache, where the file system can.</summary>
    public bool DirectWrites { get; init; } = true;

    internal static SettingsTable<FilesystemSettings> Keys { get; } = new SettingsTable<FilesystemSettings>()
        .Text("rootdirectory", s => s.RootDirectory, (s, v) => s with { RootDirectory = v })
        .Switch("directwrites", s => s.DirectWrites, (s, v) => s with { DirectWrites = v });
}

/// <summary>
/// Everything in a folder of the machine's memory, or of its temporary files where there is little of it, that is
/// removed at the end: for tests.
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

/// <summary>What happens to the store beside requests.</summary>
public sealed record MaintenanceSettings
{
    public UploadPurgingSettings UploadPurging { get; init; } = new();

    public ReadOnlySettings ReadOnly { get; init; } = new();

    internal static SettingsTable<MaintenanceSettings> Keys { get; } = new SettingsTable<MaintenanceSettings>()
        .Section("uploadpurging", UploadPurgingSettings.Keys, s => s.UploadPurging,
            (s, v) => s with { UploadPurging = v })
        .Section("readonly", ReadOnlySettings.Keys, s => s.ReadOnly, (s, v) => s with { ReadOnly = v });
}

/// <summary>When uploads that nobody finished are removed. All defaults: distribution's.</summary>
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
        .Duration("age", s => s.Age, (s, v) => s with { Age = v })
        .Duration("interval", s => s.Interval, (s, v) => s with { Interval = v })
        .Switch("dryrun", s => s.DryRun, (s, v) => s with { DryRun = v });
}

/// <summary>A registry that only answers pulls.</summary>
public sealed record ReadOnlySettings
{
    /// <summary>Refuse whatever writes.</summary>
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
