namespace Berth.Contents;

/// <summary>Content of a layer that a later one replaced or removed, so that nobody sees it.</summary>
/// <param name="Path">Where it was.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Layer">The layer that has it.</param>
/// <param name="GoneIn">The layer that hides it.</param>
/// <param name="IsReplaced">Whether something else is there; otherwise it was removed.</param>
internal sealed record WastedFile(string Path, long Bytes, int Layer, int GoneIn, bool IsReplaced);

/// <summary>The files of an image, or of a layer.</summary>
/// <param name="root">The root.</param>
/// <param name="layerBytes">The length of all files in all layers.</param>
/// <param name="wastedBytes">That of those which nobody sees.</param>
/// <param name="wastedFiles">How many those are.</param>
/// <param name="worst">The largest of them, the largest first.</param>
/// <param name="costBytes">What the tree takes in memory, about.</param>
internal sealed class FileTree(
    FileNode root, long layerBytes, long wastedBytes, long wastedFiles, IReadOnlyList<WastedFile> worst, long costBytes)
{
    public FileNode Root => root;

    public long LayerBytes => layerBytes;

    public long WastedBytes => wastedBytes;

    public long WastedFiles => wastedFiles;

    public IReadOnlyList<WastedFile> Worst => worst;

    public long CostBytes => costBytes;

    /// <summary>What is at a path without slashes at its ends. Symbolic links lead nowhere here.</summary>
    public FileNode? Find(string path)
    {
        var node = root;
        foreach (var name in Names(path))
        {
            if (PlaceOf(node.Children, name) is not (>= 0 and var place)) return null;
            node = node.Children[place];
        }

        return node;
    }

    /// <summary>All that come after a path, each folder before what is in it.</summary>
    public IEnumerable<FileNode> After(string path)
    {
        var open = new Stack<(FileNode[] Children, int Next)>();
        var node = root;
        foreach (var name in Names(path))
        {
            var place = PlaceOf(node.Children, name);
            open.Push((node.Children, place < 0 ? ~place : place + 1));
            node = place < 0 ? null : node.Children[place];
            if (node is null) break;
        }

        if (node is not null) open.Push((node.Children, 0));
        while (open.TryPop(out var top))
        {
            if (top.Next == top.Children.Length) continue;
            var child = top.Children[top.Next];
            open.Push((top.Children, top.Next + 1));
            yield return child;
            if (child.Children.Length > 0) open.Push((child.Children, 0));
        }
    }

    /// <summary>What is in a folder that comes after a name.</summary>
    public static IEnumerable<FileNode> ChildrenAfter(FileNode folder, string name)
    {
        var place = name.Length == 0 ? 0 : PlaceOf(folder.Children, name);
        for (var i = place < 0 ? ~place : name.Length == 0 ? 0 : place + 1; i < folder.Children.Length; i++)
            yield return folder.Children[i];
    }

    /// <summary>The names in a path.</summary>
    public static string[] Names(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Where a name is; if it is not there, the complement of where it would be.</summary>
    private static int PlaceOf(FileNode[] children, string name)
    {
        var (low, high) = (0, children.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = string.CompareOrdinal(children[middle].Name, name);
            if (order == 0) return middle;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }

        return ~low;
    }
}
