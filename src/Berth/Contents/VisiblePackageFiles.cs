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
    private readonly Dictionary<string, VisiblePackageFile> byPath = new(StringComparer.Ordinal);
    private readonly SortedSet<string> paths = new(StringComparer.Ordinal);
    private int layers;

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
        if (byPath.Count > 0 || files.Count > 0) Hide(index, links, cancellation);
        foreach (var file in files) Put(file.Path, new VisiblePackageFile(file, layers));
        foreach (var (path, target) in links)
        {
            if (byPath.TryGetValue(target, out var file)) Put(path, file);
        }

        layers++;
    }

    /// <summary>Takes away what the layer replaces or removes, and collects its hard links to what matters.</summary>
    private void Hide(byte[] index, Dictionary<string, string> links, CancellationToken cancellation)
    {
        var known = byPath.GetAlternateLookup<ReadOnlySpan<char>>();
        var folders = Folders().GetAlternateLookup<ReadOnlySpan<char>>();
        using var cursor = new LayerIndexCursor(index);
        var (buffer, lastFolder) = (Array.Empty<char>(), "");
        while (cursor.Next())
        {
            cancellation.ThrowIfCancellationRequested();
            if (buffer.Length < cursor.Path.Length) buffer = new char[2 * cursor.Path.Length];
            var path = buffer.AsSpan(0, Encoding.UTF8.GetChars(cursor.Path, buffer));
            if (cursor.Kind == EntryKind.HardLink) links[path.ToString()] = cursor.Link!;
            if (cursor.Kind != EntryKind.OpaqueWhiteout && known.ContainsKey(path)) Remove(path.ToString());
            if (cursor.Kind != EntryKind.Folder && folders.Contains(path)) RemoveIn(path.ToString());
            var folder = path[..Math.Max(0, path.LastIndexOf('/'))];
            if (cursor.Kind is EntryKind.Whiteout or EntryKind.OpaqueWhiteout) continue;
            if (folder.SequenceEqual(lastFolder)) continue;
            lastFolder = folder.ToString();
            RemoveFilesAbove(lastFolder);
        }
    }

    /// <summary>What was a file is a folder now, if something is in it.</summary>
    private void RemoveFilesAbove(string folder)
    {
        for (var end = folder.Length; end > 0; end = folder.LastIndexOf('/', end - 1))
        {
            if (byPath.ContainsKey(folder[..end])) Remove(folder[..end]);
        }
    }

    /// <summary>The folders that something known is in.</summary>
    private HashSet<string> Folders()
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            for (var end = path.LastIndexOf('/'); end > 0 && folders.Add(path[..end]);)
                end = path.LastIndexOf('/', end - 1);
        }

        if (paths.Count > 0) folders.Add("");
        return folders;
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
        // '0' comes after '/'.
        var inside = folder.Length == 0 ? paths : paths.GetViewBetween(folder + "/", folder + "0");
        foreach (var path in inside.ToList()) Remove(path);
    }
}
