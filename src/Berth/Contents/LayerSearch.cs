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
    FilePattern Pattern, RepositoryPlaces Places, Func<string, bool, bool> IsVisible, long From, int Count);

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
/// <param name="Unsearched">Of how many layers there is no list.</param>
internal sealed record LayerSearchResult(IReadOnlyList<FoundLayer> Found, long? Next, long Searched, long Unsearched);

/// <summary>
/// Looks for files in the lists of layers, in the order of their digests, so that a layer which thousands of
/// repositories have is read once. It takes a bounded time, and says where to go on: a place is a number made of the
/// first digits of a digest. Answers only tell the ends of stretches, which are no digests, or the places of layers
/// that the caller may see.
/// </summary>
internal sealed class LayerSearch(Database database, ContentsSettings settings, TimeProvider clock)
{
    /// <summary>The first place after all digests.</summary>
    public const long End = 1L << (4 * Digits);

    /// <summary>How many repositories are shown of those that have a layer.</summary>
    public const int MaxHolders = 10;

    private const int Digits = 15;

    /// <summary>How many files are shown of a layer.</summary>
    private const int MaxFiles = 100;

    /// <summary>An answer that has so much of paths has no more layers: whoever made an image chose their length.
    /// </summary>
    private const int EnoughPathChars = 1 << 20;

    /// <summary>A stretch with more layers is halved.</summary>
    private const int MaxLayers = 200;

    private const long FirstStretch = End / 4096;

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
        var (at, stretch, began) = (sought.From, FirstStretch, clock.GetTimestamp());
        var (found, searched, unsearched, isFirst) = (new List<FoundLayer>(), 0L, 0L, true);
        var pathChars = 0;
        while (at < End)
        {
            var end = Math.Min(End, at + stretch);
            var asked = clock.GetTimestamp();
            var layers = await ListAsync(sought.Places, at, end, cancellation);
            if (layers.Count > MaxLayers && stretch > 1)
            {
                stretch /= 2;
                continue;
            }

            if (clock.GetElapsedTime(asked) < FastLook && layers.Count <= MaxLayers / 2) stretch *= 2;
            foreach (var row in layers)
            {
                var holders = await FindHoldersAsync(sought, row.Digest, cancellation);
                if (holders.Count == 0) continue;
                if (row.State != LayerStates.Indexed
                    || !LayerIndexing.IsCurrent(row, settings, clock.GetUtcNow()))
                {
                    unsearched++;
                    continue;
                }

                // Those in the same place are looked through together: the next answer begins after them.
                var place = PlaceOf(row.Digest);
                if (place > at && !isFirst && IsOver()) return Result(place);
                (at, isFirst) = (place, false);
                if (await FindAsync(row.Digest, sought.Pattern, cancellation) is not { } files)
                {
                    unsearched++;
                    continue;
                }

                searched++;
                if (files.Count == 0) continue;
                pathChars += files.Sum(file => file.Path.Length);
                found.Add(new FoundLayer(
                    row.Digest, [.. files.Take(MaxFiles)], files.Count > MaxFiles, holders));
            }

            at = end;
            if (IsOver()) break;
        }

        return Result(at);

        bool IsOver() => found.Count >= sought.Count || pathChars > EnoughPathChars
            || clock.GetElapsedTime(began) > settings.SearchTime;

        LayerSearchResult Result(long next) => new(found, next < End ? next : null, searched, unsearched);
    }

    /// <summary>A place as cursors have it.</summary>
    public static string TextOf(long place) => place.ToString("x" + Digits, CultureInfo.InvariantCulture);

    public static bool TryParse(string text, out long place)
    {
        place = 0;
        return text.Length == 0 || (text.Length == Digits && long.TryParse(
            text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out place));
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

    private async Task<List<LayerHolder>> FindHoldersAsync(
        SoughtFiles sought, Digest layer, CancellationToken cancellation)
    {
        var (found, last) = (new List<LayerHolder>(), 0L);
        for (var chunks = 0; chunks < MaxChunks; chunks++)
        {
            var after = last;
            var size = chunks == 0 ? MaxHolders + 1 : ChunkEntries;
            var chunk = await database.ReadAsync(
                session => LayerHolderTable.ListAsync(session, layer, except: null, sought.Places, after, size),
                cancellation);
            found.AddRange(chunk.Where(one => sought.IsVisible(one.Name, one.IsPublic))
                .Take(MaxHolders + 1 - found.Count));
            if (chunk.Count < size || found.Count > MaxHolders) break;
            last = chunk[^1].Id;
        }

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
}
