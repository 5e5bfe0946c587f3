namespace Berth.Settings;

/// <summary>Limits. Bytes may be written as a number or as <c>4MiB</c>.</summary>
public sealed record LimitSettings
{
    /// <summary>4 MiB, the smallest value allowed.</summary>
    public const long LeastManifestBytes = 4 << 20;

    /// <summary>
    /// The fewest tags per push that a registry must accept (distribution-spec, "Pushing Manifests").
    /// </summary>
    public const int LeastTagsPerPush = 10;

    /// <summary>
    /// The largest manifest. Default and minimum: distribution-spec says a registry must accept 4 MB.
    /// </summary>
    public long ManifestBytes { get; init; } = LeastManifestBytes;

    /// <summary>
    /// Memory for the bodies of manifests being pushed. Default: Berth's own, 16 of the largest; beyond it, pushes are
    /// told to retry. Never less than twice the largest manifest.
    /// </summary>
    public long ManifestMemoryBytes { get; init; } = 64 << 20;

    /// <summary>The most tags one manifest push may set. Default: ten times the spec's minimum.</summary>
    public int TagsPerPush { get; init; } = 100;

    /// <summary>The largest page of tags and of referrers, in entries. Default: distribution's for tags.</summary>
    public int PageEntries { get; init; } = 1000;

    /// <summary>
    /// The most tags in one answer when the client sends no <c>n</c>. Distribution: no limit. Default: some 5 MB of
    /// JSON.
    /// </summary>
    public int ListEntries { get; init; } = 100_000;

    /// <summary>
    /// The most ranges of a blob in one answer; a request for more gets the whole blob. Default: Apache's.
    /// </summary>
    public int RangesPerPull { get; init; } = 200;

    /// <summary>
    /// Entries in a page of referrers when the client sends no <c>n</c>; never more than the largest page.
    /// </summary>
    public int DefaultPageEntries { get; init; } = 100;

    /// <summary>The most descriptors in one manifest. Default: Berth's own; it bounds what one push writes.</summary>
    public int ReferencesPerManifest { get; init; } = 10_000;

    /// <summary>
    /// The most uploads being written at once. Beyond it, the client with the most gives up its slowest.
    /// </summary>
    public int ConcurrentUploads { get; init; } = 1000;

    /// <summary>
    /// Of these, the most from one address (IPv6: one /64). Default: Berth's own, a quarter; a build farm behind one
    /// address pushes some five layers per job.
    /// </summary>
    public int UploadsPerClient { get; init; } = 250;

    /// <summary>Of these, the most by one signed-in account. Default: Berth's own, half.</summary>
    public int UploadsPerAccount { get; init; } = 500;

    /// <summary>
    /// How many blobs are synced to disk at once. Default: Berth's own; each takes a thread, and disks gain nothing
    /// from more.
    /// </summary>
    public int ConcurrentSyncs { get; init; } = 16;

    /// <summary>A request body slower than this is cut off. Default: Kestrel's. 0: never.</summary>
    public int MinimumBodyBytesPerSecond { get; init; } = 240;

    /// <summary>
    /// How long a body may stay below that rate. Default: Berth's own. BuildKit opens a request long before it has
    /// bytes to send, and does not retry after a 408.
    /// </summary>
    public TimeSpan BodyRateGracePeriod { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The largest blob. Default: distribution's, which is 0: no limit.</summary>
    public long MaximumUploadBytes { get; init; }

    /// <summary>
    /// The most connections at once. Default: 0, as many as fit into half the memory at 256 KiB each and into half the
    /// file descriptors. At the limit, new ones replace idle ones.
    /// </summary>
    public int ConcurrentConnections { get; init; }

    /// <summary>
    /// The most connections from one client address, trusted proxies excepted. Default: 0, half of the total.
    /// </summary>
    public int ConnectionsPerClient { get; init; }

    /// <summary>
    /// How long a connection may be idle. Default: longer than load balancers keep theirs (Google's 600 s, others 60 to
    /// 620 s), so that they are the ones to close it.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(11);

    /// <summary>
    /// How long a client may stop reading an answer. Default: about as long as Linux retries a peer that is gone
    /// (tcp_retries2); proxies that buffer and runtimes that unpack pause for minutes.
    /// </summary>
    public TimeSpan ReaderStallTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Memory for recently served manifests. 0: none are kept.</summary>
    public long ManifestCacheBytes { get; init; } = 64 << 20;

    /// <summary>Memory for recently served blobs below 64 KiB, such as image configs. 0: none are kept.</summary>
    public long BlobCacheBytes { get; init; } = 16 << 20;

    /// <summary>The most bytes of a request's headers. Default: twice Kestrel's, since tokens may be large.</summary>
    public long RequestHeaderBytes { get; init; } = 64 << 10;

    /// <summary>
    /// How much of a body is still read after its request was refused, so that the client sees the answer, in bytes.
    /// Default: Berth's own. A client that sends more is cut off.
    /// </summary>
    public long RefusedBodyBytes { get; init; } = 16 << 20;

    /// <summary>How long a request's headers may take to arrive. Default: Kestrel's.</summary>
    public int RequestHeadersTimeoutSeconds { get; init; } = 30;

    internal static SettingsTable<LimitSettings> Keys { get; } = new SettingsTable<LimitSettings>()
        .Size("manifestbytes", s => s.ManifestBytes,
            (s, v) => s with { ManifestBytes = v }, LeastManifestBytes, 256 << 20)
        .Size("manifestmemorybytes", s => s.ManifestMemoryBytes,
            (s, v) => s with { ManifestMemoryBytes = v }, 1 << 20, 1L << 40)
        .Number("tagsperpush", s => s.TagsPerPush, (s, v) => s with { TagsPerPush = v }, LeastTagsPerPush, 10_000)
        .Number("pageentries", s => s.PageEntries, (s, v) => s with { PageEntries = v }, 1, 100_000)
        .Number("defaultpageentries", s => s.DefaultPageEntries,
            (s, v) => s with { DefaultPageEntries = v }, 1, 100_000)
        .Number("listentries", s => s.ListEntries, (s, v) => s with { ListEntries = v }, 1, 10_000_000)
        .Number("rangesperpull", s => s.RangesPerPull, (s, v) => s with { RangesPerPull = v }, 1, 10_000)
        .Number("referencespermanifest", s => s.ReferencesPerManifest,
            (s, v) => s with { ReferencesPerManifest = v }, 1, 1_000_000)
        .Number("concurrentsyncs", s => s.ConcurrentSyncs, (s, v) => s with { ConcurrentSyncs = v }, 1, 1000)
        .Number("concurrentuploads", s => s.ConcurrentUploads, (s, v) => s with { ConcurrentUploads = v }, 1, 1_000_000)
        .Number("uploadsperclient", s => s.UploadsPerClient, (s, v) => s with { UploadsPerClient = v }, 1, 1_000_000)
        .Number("uploadsperaccount", s => s.UploadsPerAccount, (s, v) => s with { UploadsPerAccount = v }, 1, 1_000_000)
        .Number("minimumbodybytespersecond", s => s.MinimumBodyBytesPerSecond,
            (s, v) => s with { MinimumBodyBytesPerSecond = v }, 0, int.MaxValue)
        .Duration("bodyrategraceperiod", s => s.BodyRateGracePeriod,
            (s, v) => s with { BodyRateGracePeriod = v }, SettingsBounds.ShortestGracePeriod,
            SettingsBounds.LongestWait)
        .Size("maximumuploadbytes", s => s.MaximumUploadBytes,
            (s, v) => s with { MaximumUploadBytes = v }, 0, long.MaxValue)
        .Number("concurrentconnections", s => s.ConcurrentConnections,
            (s, v) => s with { ConcurrentConnections = v }, 0, int.MaxValue)
        .Size("manifestcachebytes", s => s.ManifestCacheBytes, (s, v) => s with { ManifestCacheBytes = v }, 0, 1L << 40)
        .Size("blobcachebytes", s => s.BlobCacheBytes, (s, v) => s with { BlobCacheBytes = v }, 0, 1L << 40)
        .Number("requestheaderstimeoutseconds", s => s.RequestHeadersTimeoutSeconds,
            (s, v) => s with { RequestHeadersTimeoutSeconds = v }, 1, 3600)
        .Number("connectionsperclient", s => s.ConnectionsPerClient,
            (s, v) => s with { ConnectionsPerClient = v }, 0, int.MaxValue)
        .Duration("idletimeout", s => s.IdleTimeout,
            (s, v) => s with { IdleTimeout = v }, TimeSpan.FromSeconds(1), SettingsBounds.LongestWait)
        .Duration("readerstalltimeout", s => s.ReaderStallTimeout,
            (s, v) => s with { ReaderStallTimeout = v }, SettingsBounds.ShortestGracePeriod, SettingsBounds.LongestWait)
        .Size("requestheaderbytes", s => s.RequestHeaderBytes,
            (s, v) => s with { RequestHeaderBytes = v }, 4 << 10, 1 << 20)
        .Size("refusedbodybytes", s => s.RefusedBodyBytes, (s, v) => s with { RefusedBodyBytes = v }, 0, 1L << 40);
}
