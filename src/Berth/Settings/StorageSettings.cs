namespace Berth.Settings;

/// <summary>Where content is kept, and how it is looked after.</summary>
public sealed record StorageSettings
{
    public FilesystemSettings Filesystem { get; init; } = new();

    /// <summary>Null where there is no such section: content lies in the folder.</summary>
    public S3Settings? S3 { get; init; }

    public RedirectSettings Redirect { get; init; } = new();

    public DeleteSettings Delete { get; init; } = new();

    public MaintenanceSettings Maintenance { get; init; } = new();

    public CacheSettings Cache { get; init; } = new();

    /// <summary>Whether other nodes use the same store, and any of them may go on with an upload.</summary>
    internal bool IsShared { get => field || S3 is not null; init; }
}

/// <summary>Content in a folder; with S3, only what is not content.</summary>
public sealed record FilesystemSettings
{
    /// <summary>The folder of everything stored, made when it is missing. Relative to the working folder.</summary>
    public string RootDirectory { get; init; } = "data";

    /// <summary>Whether large blobs are written past the kernel's page cache, where the file system can.</summary>
    public bool DirectWrites { get; init; } = true;
}

/// <summary>Deletion over the API.</summary>
public sealed record DeleteSettings
{
    /// <summary>Whether tags, manifests and blobs can be deleted over the API. Distribution: false.</summary>
    public bool Enabled { get; init; } = true;
}

/// <summary>What happens to the store beside requests.</summary>
public sealed record MaintenanceSettings
{
    public UploadPurgingSettings UploadPurging { get; init; } = new();

    public ReadOnlySettings ReadOnly { get; init; } = new();
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
}

/// <summary>A registry that only answers pulls.</summary>
public sealed record ReadOnlySettings
{
    /// <summary>Refuse whatever writes.</summary>
    public bool Enabled { get; init; }
}

/// <summary>Caching of metadata.</summary>
public sealed record CacheSettings
{
    /// <summary>Distribution's key; <c>inmemory</c> is the only value, and what Berth does anyway.</summary>
    public string? BlobDescriptor { get; init; }
}
