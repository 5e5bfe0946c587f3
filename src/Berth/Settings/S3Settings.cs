using System.Net;

namespace Berth.Settings;

/// <summary>
/// Blobs in a bucket of S3 or a compatible store. Names, meanings and defaults are those of distribution's driver, down
/// to <see cref="LogLevel"/>; the rest is Berth's own.
/// </summary>
public sealed record S3Settings
{
    /// <summary>What S3 allows: 5 MiB to 5 GiB for any part but the last.</summary>
    private const long LeastPartBytes = 5 << 20;

    private const long MostPartBytes = 5L << 30;

    /// <summary>Without a key, credentials come from AWS's default chain.</summary>
    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    /// <summary>Required, unless <see cref="RegionEndpoint"/> is given.</summary>
    public string? Region { get; init; }

    /// <summary>The URL of a store that is not Amazon's.</summary>
    public string? RegionEndpoint { get; init; }

    /// <summary>
    /// Whether the bucket's name goes into the path instead of the host name. Null: if <see cref="RegionEndpoint"/> is
    /// given, as in distribution.
    /// </summary>
    public bool? ForcePathStyle { get; init; }

    internal bool HasBucketInPath => ForcePathStyle ?? RegionEndpoint is not null;

    /// <summary>Required; it must exist at startup.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>The store encrypts what it keeps.</summary>
    public bool Encrypt { get; init; }

    /// <summary>With <see cref="Encrypt"/>: the key of AWS KMS. Null: the store's own.</summary>
    public string? KeyId { get; init; }

    /// <summary>Use TLS. Ignored if <see cref="RegionEndpoint"/> has a scheme.</summary>
    public bool Secure { get; init; } = true;

    /// <summary>Accept any certificate.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>Signatures of version 4, the only ones there are.</summary>
    public bool V4Auth { get; init; } = true;

    /// <summary>The size of an upload's first parts, in bytes. Later ones may grow: <see cref="EqualParts"/>.</summary>
    public long ChunkSize { get; init; } = 10 << 20;

    /// <summary>The part size of copies inside the store, in bytes.</summary>
    public long MultipartCopyChunkSize { get; init; } = 32 << 20;

    /// <summary>How many parts of one blob the store copies at once.</summary>
    public int MultipartCopyMaxConcurrency { get; init; } = 100;

    /// <summary>Larger objects are copied in parts, in bytes.</summary>
    public long MultipartCopyThresholdSize { get; init; } = 32 << 20;

    /// <summary>The prefix of every key.</summary>
    public string RootDirectory { get; init; } = "";

    /// <summary>In capitals, as in S3's own documentation; <c>NONE</c> for stores without storage classes.</summary>
    public string StorageClass { get; init; } = "STANDARD";

    /// <summary>Added to the <c>User-Agent</c> of requests to the store.</summary>
    public string? UserAgent { get; init; }

    /// <summary>The canned ACL of every object.</summary>
    public string ObjectAcl { get; init; } = "private";

    /// <summary>Amazon's dual-stack endpoints (IPv6).</summary>
    public bool UseDualStack { get; init; }

    /// <summary>Amazon's accelerated transfer.</summary>
    public bool Accelerate { get; init; }

    /// <summary>Amazon's FIPS 140 endpoints.</summary>
    public bool UseFipsEndpoint { get; init; }

    /// <summary>Distribution's key for its client's own log, which Berth's client does not have.</summary>
    public string LogLevel { get; init; } = "off";

    /// <summary>The session token of temporary credentials.</summary>
    public string? SessionToken { get; init; }

    /// <summary>
    /// All parts of an upload but the last are <see cref="ChunkSize"/>, as some stores require. The largest blob is
    /// then 10,000 of them.
    /// </summary>
    public bool EqualParts { get; init; }

    /// <summary>Memory for parts on their way to the store, shared by all uploads, in bytes.</summary>
    public long UploadMemoryBytes { get; init; } = 256 << 20;

    /// <summary>How often a request to the store is retried after a transient failure.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>How long the store may be silent before a request is given up or retried.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The bucket's location, without any secrets.</summary>
    public override string ToString() => RootDirectory.Trim('/') is { Length: > 0 } prefix
        ? $"s3://{Bucket}/{prefix}"
        : $"s3://{Bucket}";

    internal static SettingsTable<S3Settings> Keys { get; } = new SettingsTable<S3Settings>()
        .Text("accesskey", s => s.AccessKey, (s, v) => s with { AccessKey = v })
        .Text("secretkey", s => s.SecretKey, (s, v) => s with { SecretKey = v })
        .Text("region", s => s.Region, (s, v) => s with { Region = v })
        .Text("regionendpoint", s => s.RegionEndpoint, (s, v) => s with { RegionEndpoint = v })
        .Switch("forcepathstyle", s => s.ForcePathStyle, (s, v) => s with { ForcePathStyle = v })
        .Synonym("pathstyle", "forcepathstyle")
        .Text("bucket", s => s.Bucket, (s, v) => s with { Bucket = v })
        .Switch("encrypt", s => s.Encrypt, (s, v) => s with { Encrypt = v })
        .Text("keyid", s => s.KeyId, (s, v) => s with { KeyId = v })
        .Switch("secure", s => s.Secure, (s, v) => s with { Secure = v })
        .Switch("skipverify", s => s.SkipVerify, (s, v) => s with { SkipVerify = v })
        .Switch("v4auth", s => s.V4Auth, (s, v) => s with { V4Auth = v })
        .Size("chunksize", s => s.ChunkSize,
            (s, v) => s with { ChunkSize = v }, LeastPartBytes, MostPartBytes)
        .Size("multipartcopychunksize", s => s.MultipartCopyChunkSize,
            (s, v) => s with { MultipartCopyChunkSize = v }, LeastPartBytes, MostPartBytes)
        .Number("multipartcopymaxconcurrency", s => s.MultipartCopyMaxConcurrency,
            (s, v) => s with { MultipartCopyMaxConcurrency = v }, 1, 10_000)
        .Size("multipartcopythresholdsize", s => s.MultipartCopyThresholdSize,
            (s, v) => s with { MultipartCopyThresholdSize = v }, 0, MostPartBytes)
        .Text("rootdirectory", s => s.RootDirectory, (s, v) => s with { RootDirectory = v })
        .Text("storageclass", s => s.StorageClass, (s, v) => s with { StorageClass = v })
        .Text("useragent", s => s.UserAgent, (s, v) => s with { UserAgent = v })
        .Text("objectacl", s => s.ObjectAcl, (s, v) => s with { ObjectAcl = v })
        .Switch("usedualstack", s => s.UseDualStack, (s, v) => s with { UseDualStack = v })
        .Switch("accelerate", s => s.Accelerate, (s, v) => s with { Accelerate = v })
        .Switch("usefipsendpoint", s => s.UseFipsEndpoint, (s, v) => s with { UseFipsEndpoint = v })
        .Text("loglevel", s => s.LogLevel, (s, v) => s with { LogLevel = v })
        .Text("sessiontoken", s => s.SessionToken, (s, v) => s with { SessionToken = v })
        .Switch("equalparts", s => s.EqualParts, (s, v) => s with { EqualParts = v })
        .Size("uploadmemorybytes", s => s.UploadMemoryBytes,
            (s, v) => s with { UploadMemoryBytes = v }, LeastPartBytes, 1L << 40)
        .Number("retries", s => s.Retries, (s, v) => s with { Retries = v }, 0, 100)
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
}

/// <summary>Which clients fetch blobs from the store itself.</summary>
public enum RedirectMode
{
    /// <summary>All.</summary>
    Always,

    /// <summary>None.</summary>
    Never,

    /// <summary>Those in <see cref="RedirectSettings.Networks"/>.</summary>
    Inside,

    /// <summary>Those outside of these networks.</summary>
    Outside,
}

/// <summary>Redirecting clients to the store for blobs, with a signed URL that expires. S3 and Azure only.</summary>
public sealed record RedirectSettings
{
    /// <summary>Distribution's key: the same as <see cref="RedirectMode.Never"/>.</summary>
    public bool Disable { get; init; }

    /// <summary>Default: what distribution does.</summary>
    public RedirectMode Mode { get; init; } = RedirectMode.Always;

    /// <summary>IP addresses or CIDR ranges.</summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>How long a signed URL is valid. Default: distribution's.</summary>
    public TimeSpan Validity { get; init; } = TimeSpan.FromMinutes(20);

    internal static SettingsTable<RedirectSettings> Keys { get; } = new SettingsTable<RedirectSettings>()
        .Switch("disable", s => s.Disable, (s, v) => s with { Disable = v })
        .Choice("mode", s => s.Mode, (s, v) => s with { Mode = v })
        .Networks("networks", s => s.Networks, (s, v) => s with { Networks = v })
        .Duration("validity", s => s.Validity,
            (s, v) => s with { Validity = v }, TimeSpan.FromSeconds(10), SettingsBounds.LongestSignature);
}
