using System.Globalization;
using System.Text;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>Files that are looked for in the layers of many images.</summary>
/// <param name="Pattern">Their name.</param>
/// <param name="Places">Where repositories are looked for.</param>
/// <param name="IsVisible">Which of those the caller may pull from, by the name and whether it is public.</param>
/// <param name="From">The place among the digests where the search begins, or goes on.</param>
/// <param name="Count">The most layers that are found.</param>
internal sealed record SoughtFiles(
    FilePattern Pattern, RepositoryPlaces Places, Func<string, bool, bool> IsVisible, long From, int Count)
{
    /// <summary>Whether a layer was left out before <see cref="From"/>.</summary>
    public bool IsPartial { get; init; }
}

/// <summary>A file that was found.</summary>
internal sealed record FoundFile(string Path, EntryKind Kind, long SizeBytes);

/// <summary>A layer with files that were looked for.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Files">The first of them.</param>
/// <param name="HasMore">Whether there are more.</param>
/// <param name="Holders">Repositories that the caller may pull it from, the oldest first, with one more than are shown
/// if there are more.</param>
internal sealed record FoundLayer(
    Digest Layer, IReadOnlyList<FoundFile> Files, bool HasMore, IReadOnlyList<LayerHolder> Holders);

/// <summary>How far a search came.</summary>
/// <param name="Found">What it found.</param>
/// <param name="Next">Where it goes on; null if it came to the end.</param>
/// <param name="Searched">How many layers it looked through.</param>
/// <param name="Unsearched">How many layers could not be searched.</param>
/// <param name="IsPartial">Whether a layer was left out since so many have it that the caller must not see.</param>
internal sealed record LayerSearchResult(
    IReadOnlyList<FoundLayer> Found, long? Next, long Searched, long Unsearched, bool IsPartial);

/// <summary>
/// Looks for files in the lists of layers, in the order of their digests, so that a layer which thousands of
/// repositories have is read once. It takes a bounded time, and says where to go on: a place is a number made of the
/// first digits of a digest. Answers only tell the ends of stretches, the beginnings of cells, which are no digests, or
/// what comes after a layer that the caller may see.
/// </summary>
internal sealed class LayerSearch(Database database, ContentsSettings settings, TimeProvider clock)
{
    /// <summary>The first place after all digests.</summary>
    public const long End = 1L << (4 * Digits);

    /// <summary>How many repositories are shown of those that have a layer.</summary>
    public const int MaxHolders = 10;

    private const int Digits = 15;
    private const string Partial = "-partial";

    /// <summary>How many files are shown of a layer.</summary>
    private const int MaxFiles = 100;

    /// <summary>An answer that has so much of paths has no more layers: whoever made an image chose their length.
    /// </summary>
    private const int EnoughPathChars = 1 << 20;

    /// <summary>A stretch with more layers is halved.</summary>
    private const int MaxLayers = 200;

    private const long FirstStretch = End / 4096;

    /// <summary>Where a search may also end, whatever is there: a cell has the first five digits in common.</summary>
    private const long Cell = 1L << (4 * (Digits - 5));

    /// <summary>What is read at once, and how often, where much is passed over that the caller must not see.</summary>
    private const int ChunkEntries = 1000;
    private const int MaxChunks = 20;

    /// <summary>A stretch that is found faster is followed by a longer one.</summary>
    private static readonly TimeSpan FastLook = TimeSpan.FromMilliseconds(50);

    /// <summary>A list that takes longer counts as one that can't be searched.</summary>
    private static readonly TimeSpan LongestList = TimeSpan.FromSeconds(10);

    private static readonly string[] Algorithms = ["sha256:", "sha512:"];

    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<LayerSearchResult> RunAsync(SoughtFiles sought, CancellationToken cancellation)
    {
        var run = new Run(sought, settings.SearchTime, clock);
        var stretch = FirstStretch;
        while (run.At < End)
        {
            var end = Math.Min(End, run.At + stretch);
            var asked = clock.GetTimestamp();
            var layers = await ListAsync(sought.Places, run.At, end, cancellation);
            if (layers.Count > MaxLayers && stretch > 1)
            {
                stretch /= 2;
                continue;
            }

            if (clock.GetElapsedTime(asked) < FastLook && layers.Count <= MaxLayers / 2) stretch *= 2;
            foreach (var row in layers)
            {
                run.Reach(PlaceOf(row.Digest));
                if (run.MustStop() || !await SearchAsync(run, row, cancellation)) return run.Result();
            }

            run.Pass(end);
            if (run.IsOver()) break;
        }

        return run.Result();
    }

    /// <summary>A place as cursors have it.</summary>
    public static string TextOf(long place) => place.ToString("x" + Digits, CultureInfo.InvariantCulture);

    /// <summary>A place, and whether a layer was left out before it.</summary>
    public static string TextOf(long place, bool isPartial) => TextOf(place) + (isPartial ? Partial : "");

    public static bool TryParse(string text, out long place, out bool isPartial)
    {
        place = 0;
        isPartial = text.Length == Digits + Partial.Length && text.EndsWith(Partial, StringComparison.Ordinal);
        return text.Length == 0 || ((text.Length == Digits || isPartial) && long.TryParse(
            text.AsSpan(0, Digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out place));
    }

    private static long PlaceOf(Digest layer) => long.Parse(
        layer.Hex.AsSpan(0, Digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>The layers of a stretch, in order.</summary>
    private async Task<List<LayerIndexRow>> ListAsync(
        RepositoryPlaces places, long from, long before, CancellationToken cancellation)
    {
        var layers = new List<LayerIndexRow>();
        foreach (var algorithm in Algorithms)
        {
            // No digit comes after f.
            var end = algorithm + (before == End ? "g" : TextOf(before));
            layers.AddRange(await database.ReadAsync(
                session => LayerSearchTable.ListAsync(session, places, algorithm + TextOf(from), end, MaxLayers + 1),
                cancellation));
        }

        layers.Sort((one, other) => string.CompareOrdinal(one.Digest.Hex, other.Digest.Hex));
        return layers;
    }

    /// <summary>False if it stops before the layer.</summary>
    private async Task<bool> SearchAsync(Run run, LayerIndexRow row, CancellationToken cancellation)
    {
        var holders = await FindHoldersAsync(run, row.Digest, cancellation);
        if (holders is null) return false;
        if (holders.Count == 0)
        {
            run.PassHidden();
            return true;
        }

        var isListed = row.State == LayerStates.Indexed && LayerIndexing.IsCurrent(row, settings, clock.GetUtcNow());
        var files = isListed ? await FindAsync(row.Digest, run.Sought.Pattern, cancellation) : null;
        run.PassSeen(files is null);
        if (files is { Count: > 0 })
            run.Add(new FoundLayer(row.Digest, [.. files.Take(MaxFiles)], files.Count > MaxFiles, holders));
        return true;
    }

    /// <summary>Repositories that the caller may pull a layer from; null if it stops meanwhile.</summary>
    private async Task<List<LayerHolder>?> FindHoldersAsync(Run run, Digest layer, CancellationToken cancellation)
    {
        var (sought, found, last) = (run.Sought, new List<LayerHolder>(), 0L);
        for (var chunks = 0; chunks < MaxChunks; chunks++)
        {
            var after = last;
            var size = chunks == 0 ? MaxHolders + 1 : ChunkEntries;
            var chunk = await database.ReadAsync(
                session => LayerHolderTable.ListAsync(session, layer, except: null, sought.Places, after, size),
                cancellation);
            found.AddRange(chunk.Where(one => sought.IsVisible(one.Name, one.IsPublic))
                .Take(MaxHolders + 1 - found.Count));
            if (chunk.Count < size || found.Count > MaxHolders) return found;
            if (run.MustStop()) return null;
            last = chunk[^1].Id;
        }

        run.IsPartial |= found.Count == 0;
        return found;
    }

    /// <summary>The files of a layer, up to one more than are shown; null if its list is gone, or takes too long.
    /// </summary>
    private async Task<List<FoundFile>?> FindAsync(
        Digest layer, FilePattern pattern, CancellationToken cancellation)
    {
        var index = await database.ReadAsync(session => LayerIndexTable.LoadAsync(session, layer), cancellation);
        if (index is null) return null;
        using var limit = new CancellationTokenSource(LongestList, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            // It is not for the thread that others' requests arrive on.
            return await Task.Run(() => Find(index, pattern, either.Token), cancellation);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    private static List<FoundFile> Find(byte[] index, FilePattern pattern, CancellationToken cancellation)
    {
        var found = new List<FoundFile>();
        using var cursor = new LayerIndexCursor(index);
        Span<char> chars = stackalloc char[1024];
        while (found.Count <= MaxFiles && cursor.Next())
        {
            cancellation.ThrowIfCancellationRequested();
            if (cursor.Kind is EntryKind.Folder or EntryKind.Whiteout or EntryKind.OpaqueWhiteout) continue;
            var bytes = cursor.Path;
            if (!pattern.IsPath) bytes = bytes[(bytes.LastIndexOf((byte)'/') + 1)..];
            if (bytes.Length > chars.Length) chars = new char[bytes.Length];
            if (pattern.Matches(chars[..Encoding.UTF8.GetChars(bytes, chars)]))
                found.Add(new FoundFile(Encoding.UTF8.GetString(cursor.Path), cursor.Kind, cursor.SizeBytes));
        }

        return found;
    }

    /// <summary>How far one answer has come.</summary>
    private sealed class Run(SoughtFiles sought, TimeSpan time, TimeProvider clock)
    {
        private readonly long began = clock.GetTimestamp();
        private readonly List<FoundLayer> found = [];
        private long searched;
        private long unsearched;
        private long place;
        private long passed = -1;
        private long seen = -1;
        private int pathChars;

        public SoughtFiles Sought => sought;

        /// <summary>Before this, all is done, and it may be told.</summary>
        public long At { get; private set; } = sought.From;

        public bool IsPartial { get; set; } = sought.IsPartial;

        /// <summary>Comes to a layer.</summary>
        public void Reach(long layer)
        {
            place = layer;

            // Not after one of two layers in the same place.
            if (passed < 0 || passed == layer) return;
            At = Math.Max(At, Math.Max(layer - (layer % Cell), seen + 1));
        }

        public void PassHidden() => passed = place;

        public void PassSeen(bool isUnsearched)
        {
            passed = seen = place;
            if (isUnsearched) unsearched++;
            else searched++;
        }

        public void Pass(long end) => At = end;

        public void Add(FoundLayer layer)
        {
            pathChars += layer.Files.Sum(file => file.Path.Length);
            found.Add(layer);
        }

        public bool IsOver() => found.Count >= sought.Count || pathChars > EnoughPathChars
            || clock.GetElapsedTime(began) > time;

        /// <summary>Whether it ends before the layer that it has come to. Each answer gets on.</summary>
        public bool MustStop() => At > sought.From && IsOver();

        public LayerSearchResult Result() => new(found, At < End ? At : null, searched, unsearched, IsPartial);
    }
}
