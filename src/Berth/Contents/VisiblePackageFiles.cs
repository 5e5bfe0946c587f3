using System.Text;
using Berth.Packages;

namespace Berth.Contents;

/// <summary>A file that says something of packages, as whoever runs the image sees it.</summary>
/// <param name="File">The file.</param>
/// <param name="Layer">The layer that has it, counted from the lowest.</param>
internal sealed record VisiblePackageFile(PackageFile File, int Layer);

/// <summary>
/// Which files that say something of packages are visible when layers are on top of each other. It takes the lists of
/// all files as <see cref="FileTreeBuilder"/> does, but memory for these files alone.
/// </summary>
internal sealed class VisiblePackageFiles
{
    /// <summary>More names than that, of all such files, nobody gave them.</summary>
    private const int MaxLinks = 10_000;

    private readonly Dictionary<string, VisiblePackageFile> byPath = new(StringComparer.Ordinal);
    private readonly SortedSet<string> paths = new(StringComparer.Ordinal);
    private int layers;
    private int names;

    /// <summary>How many files of all kinds were gone through.</summary>
    public long Entries { get; private set; }

    /// <summary>Those that are visible, each once, however many names it has.</summary>
    public IReadOnlyList<VisiblePackageFile> All() => [.. byPath.Values.Distinct(ReferenceEqualityComparer.Instance)
        .Cast<VisiblePackageFile>()];

    /// <summary>Puts a layer on top.</summary>
    /// <param name="index">The list of its files.</param>
    /// <param name="files">Those that say something.</param>
    /// <param name="cancellation">Gives up.</param>
    public void Add(byte[] index, IReadOnlyList<PackageFile> files, CancellationToken cancellation)
    {
        var links = new Dictionary<string, string>(StringComparer.Ordinal);
        if (byPath.Count > 0 || files.Count > 0) Hide(index, files, links, cancellation);
        foreach (var file in files) Put(file.Path, new VisiblePackageFile(file, layers));
        foreach (var (path, target) in links)
        {
            if (byPath.TryGetValue(target, out var file)) Put(path, file);
        }

        layers++;
    }

    /// <summary>Takes away what the layer replaces or removes, and collects its hard links to what matters.</summary>
    private void Hide(
        byte[] index, IReadOnlyList<PackageFile> files, Dictionary<string, string> links,
        CancellationToken cancellation)
    {
        var own = files.Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
        var known = byPath.GetAlternateLookup<ReadOnlySpan<char>>();
        var (hashes, folders) = (new HashSet<ulong>(), new HashSet<ulong>());
        foreach (var path in paths) Hash(path, hashes, folders);
        using var cursor = new LayerIndexCursor(index);
        var (buffer, lastFolder) = (Array.Empty<char>(), 0ul);
        while (cursor.Next())
        {
            cancellation.ThrowIfCancellationRequested();
            Entries++;
            if (buffer.Length < cursor.Path.Length) buffer = new char[2 * cursor.Path.Length];
            var path = buffer.AsSpan(0, Encoding.UTF8.GetChars(cursor.Path, buffer));
            if (cursor.Kind == EntryKind.HardLink) Link(path, cursor.Link!, own, links);
            if (cursor.Kind != EntryKind.OpaqueWhiteout && known.ContainsKey(path)) Remove(path.ToString());
            if (cursor.Kind != EntryKind.Folder && folders.Contains(HashOf(path))) RemoveIn(path.ToString());
            if (cursor.Kind is EntryKind.Whiteout or EntryKind.OpaqueWhiteout) continue;
            var folder = path[..Math.Max(0, path.LastIndexOf('/'))];
            if (HashOf(folder) == lastFolder) continue;
            lastFolder = HashOf(folder);
            RemoveFilesAbove(folder, hashes);
        }
    }

    /// <summary>The last link of a name counts.</summary>
    private void Link(ReadOnlySpan<char> path, string target, HashSet<string> own, Dictionary<string, string> links)
    {
        var link = links.GetAlternateLookup<ReadOnlySpan<char>>();
        link.Remove(path);
        if (names >= MaxLinks || (!byPath.ContainsKey(target) && !own.Contains(target))) return;
        names++;
        link[path] = target;
    }

    /// <summary>What was a file is a folder now, if something is in it.</summary>
    private void RemoveFilesAbove(ReadOnlySpan<char> folder, HashSet<ulong> hashes)
    {
        var known = byPath.GetAlternateLookup<ReadOnlySpan<char>>();
        var hash = HashSeed;
        for (var at = 0; at <= folder.Length; at++)
        {
            if ((at == folder.Length || folder[at] == '/') && hashes.Contains(hash)
                && known.ContainsKey(folder[..at]))
            {
                Remove(folder[..at].ToString());
            }

            if (at < folder.Length) hash = Hash(hash, folder[at]);
        }
    }

    private void Put(string path, VisiblePackageFile file)
    {
        byPath[path] = file;
        paths.Add(path);
    }

    private void Remove(string path)
    {
        byPath.Remove(path);
        paths.Remove(path);
    }

    private void RemoveIn(string folder)
    {
        var inside = folder.Length == 0 ? paths : paths.GetViewBetween(folder + "/", folder + "/\uffff");
        foreach (var path in inside.ToList()) Remove(path);
    }

    /// <summary>Adds the hash of a path, and those of the folders that it is in: paths may be long and many.</summary>
    private static void Hash(string path, HashSet<ulong> hashes, HashSet<ulong> folders)
    {
        var hash = HashSeed;
        folders.Add(hash);
        foreach (var letter in path)
        {
            if (letter == '/') folders.Add(hash);
            hash = Hash(hash, letter);
        }

        hashes.Add(hash);
    }

    private static ulong HashOf(ReadOnlySpan<char> path)
    {
        var hash = HashSeed;
        foreach (var letter in path) hash = Hash(hash, letter);
        return hash;
    }

    /// <summary>FNV-1a. Two paths with the same hash cost time, and nothing else.</summary>
    private const ulong HashSeed = 0xcbf29ce484222325;

    private static ulong Hash(ulong hash, char letter) => unchecked((hash ^ letter) * 0x100000001b3);
}
