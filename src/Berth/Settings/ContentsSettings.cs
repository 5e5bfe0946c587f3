namespace Berth.Settings;

/// <summary>When lists of the files in layers are made.</summary>
public enum ContentsIndexing
{
    /// <summary>After each push, in the background.</summary>
    Always,

    /// <summary>When somebody first asks.</summary>
    OnDemand,

    /// <summary>Not at all.</summary>
    Never,
}

/// <summary>How layers are read for what is in them.</summary>
public sealed record ContentsSettings
{
    public ContentsIndexing Index { get; init; } = ContentsIndexing.Always;

    /// <summary>The most bytes of a layer, decompressed. Default: more than images with models in them have.</summary>
    public long LayerBytes { get; init; } = 64L << 30;

    /// <summary>The most files and folders in a layer. Default: some five times those of a distribution.</summary>
    public int Entries { get; init; } = 1_000_000;

    /// <summary>The longest path, in bytes. Default: Linux's PATH_MAX.</summary>
    public int PathBytes { get; init; } = 4096;

    /// <summary>
    /// How many times as large a layer may be decompressed, beyond its first 64 MiB. Default: well above what files
    /// compress to that are not all zeros.
    /// </summary>
    public int Ratio { get; init; } = 250;

    /// <summary>How long reading a layer may take. Default: enough for the largest at some 100 MiB a second.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most bytes that the list of a layer's files takes in the database, compressed.</summary>
    public long IndexBytes { get; init; } = 64 << 20;

    /// <summary>Memory for the file system of one image. Default: some 600,000 files.</summary>
    public long TreeBytes { get; init; } = 200 << 20;

    /// <summary>The largest file that is given out by itself. Default: what people look at.</summary>
    public long FileBytes { get; init; } = 64 << 20;

    /// <summary>How many layers are read at once on a node, and as many for single files: each takes a core, and up to
    /// 128 MiB for zstd's window.</summary>
    public int Concurrent { get; init; } = 2;

    /// <summary>How long a request looks for files in all layers, before it says how far it came. Default: as long as
    /// people wait for a page.</summary>
    public TimeSpan SearchTime { get; init; } = TimeSpan.FromSeconds(1);

    internal static SettingsTable<ContentsSettings> Keys { get; } = new SettingsTable<ContentsSettings>()
        .Choice("index", s => s.Index, (s, v) => s with { Index = v })
        .Size("layerbytes", s => s.LayerBytes, (s, v) => s with { LayerBytes = v }, 1024, 1L << 42)
        .Number("entries", s => s.Entries, (s, v) => s with { Entries = v }, 1, 10_000_000)
        .Number("pathbytes", s => s.PathBytes, (s, v) => s with { PathBytes = v }, 16, 8192)
        .Number("ratio", s => s.Ratio, (s, v) => s with { Ratio = v }, 2, 1_000_000)
        .Duration("time", s => s.Time, (s, v) => s with { Time = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Size("indexbytes", s => s.IndexBytes, (s, v) => s with { IndexBytes = v }, 4096, 512 << 20)
        .Size("treebytes", s => s.TreeBytes, (s, v) => s with { TreeBytes = v }, 64 << 10, 4L << 30)
        .Size("filebytes", s => s.FileBytes, (s, v) => s with { FileBytes = v }, 1, 1L << 42)
        .Number("concurrent", s => s.Concurrent, (s, v) => s with { Concurrent = v }, 1, 1000)
        .Duration(
            "searchtime", s => s.SearchTime, (s, v) => s with { SearchTime = v }, TimeSpan.FromMilliseconds(1),
            TimeSpan.FromMinutes(1));
}
