namespace Berth.Contents;

/// <summary>An image has more files than the memory for them holds.</summary>
internal sealed class TreeTooLargeException(long maxBytes) : Exception(
    $"it has so many files, or such long names, that they take more than {maxBytes} bytes of memory "
    + "(contents.treebytes)");

/// <summary>
/// Puts layers on top of each other, from the lowest, as whoever runs the image does: a whiteout hides what is below,
/// whatever its place in the layer, and a file where a folder was replaces all that was in it. No link is followed.
/// </summary>
/// <param name="maxBytes">The most memory.</param>
/// <param name="showsWhiteouts">For a layer by itself: whether whiteouts are shown.</param>
internal sealed class FileTreeBuilder(long maxBytes, bool showsWhiteouts = false)
{
    /// <summary>How much of what is wasted is kept by name.</summary>
    private const int KeptWorst = 1000;

    private readonly FileNode root = new("", parent: null) { Parts = new Dictionary<string, FileNode>() };
    private readonly PriorityQueue<WastedFile, long> worst = new();
    private long costBytes;
    private long layerBytes;
    private long wastedBytes;
    private long wastedFiles;
    private int layer = -1;
    private (string Path, FileNode Node)? lastFolder;

    /// <summary>Puts a layer on top.</summary>
    /// <param name="read">Reads its entries from the first, twice.</param>
    /// <exception cref="TreeTooLargeException">There are too many files.</exception>
    public void Add(Func<IEnumerable<IndexedEntry>> read)
    {
        layer++;
        if (!showsWhiteouts)
        {
            foreach (var (entry, _) in read()) Hide(entry);
        }

        foreach (var (entry, hash) in read())
        {
            layerBytes += entry.SizeBytes;
            if (entry.Kind is not (EntryKind.Whiteout or EntryKind.OpaqueWhiteout)) Put(entry, hash);
            else if (showsWhiteouts) ShowWhiteout(entry);
        }
    }

    public FileTree Finish()
    {
        Close(root, []);
        var list = new List<WastedFile>(worst.Count);
        while (worst.TryDequeue(out var one, out _)) list.Add(one);
        list.Reverse();
        return new FileTree(root, layerBytes, wastedBytes, wastedFiles, list, costBytes);
    }

    private void Hide(LayerEntry entry)
    {
        if (entry.Kind is not (EntryKind.Whiteout or EntryKind.OpaqueWhiteout)) return;
        var node = root;
        foreach (var name in FileTree.Names(entry.Path))
        {
            node = node.Parts?.GetValueOrDefault(name);
            if (node is null) return;
        }

        if (entry.Kind == EntryKind.Whiteout) Remove(node, isReplaced: false);
        else foreach (var part in node.Parts?.Values.ToList() ?? []) Remove(part, isReplaced: false);
    }

    private void ShowWhiteout(LayerEntry entry)
    {
        if (entry.Kind == EntryKind.Whiteout) Put(entry, default);
        else FolderAt(entry.Path).IsOpaque = true;
    }

    private void Put(LayerEntry entry, ContentHash hash)
    {
        if (entry.Path.Length == 0)
        {
            Set(root, entry, hash);
            return;
        }

        var slash = entry.Path.LastIndexOf('/');
        var folder = FolderAt(slash < 0 ? "" : entry.Path[..slash]);
        var name = entry.Path[(slash + 1)..];
        var target = entry.Kind == EntryKind.HardLink ? Find(entry.Link!)?.Content : null;
        if (folder.Parts!.TryGetValue(name, out var there))
        {
            if (there.Kind == EntryKind.Folder && entry.Kind == EntryKind.Folder)
            {
                Set(there, entry, hash);
                return;
            }

            // A link to itself, or again to what it is already.
            if (target is not null && target == there.Content) return;
            Remove(there, isReplaced: true);
        }

        var node = Add(folder, name);
        Set(node, entry, hash);
        node.Target = target;
        if (target is not null) target.Names++;
        if (entry.Kind != EntryKind.Folder) node.Parts = null;
    }

    private void Set(FileNode node, LayerEntry entry, ContentHash hash)
    {
        (node.Kind, node.OwnBytes, node.Mode) = (entry.Kind, entry.SizeBytes, entry.Mode);
        (node.Uid, node.Gid, node.ModifiedAt) = (entry.Uid, entry.Gid, entry.ModifiedAt);
        (node.Link, node.Hash, node.Layer, node.Number) = (entry.Link, hash, layer, entry.Number);
        costBytes += 2 * (entry.Link?.Length ?? 0);
    }

    private FileNode Add(FileNode folder, string name)
    {
        costBytes += FileNode.CostBytes + (2 * name.Length);
        if (costBytes > maxBytes) throw new TreeTooLargeException(maxBytes);
        var node = new FileNode(name, folder) { Layer = layer };
        folder.Parts!.Add(name, node);
        return node;
    }

    /// <summary>The folder at a path, which is made if there is none, in place of whatever else is there.</summary>
    private FileNode FolderAt(string path)
    {
        if (lastFolder is { } last && last.Path == path) return last.Node;
        var node = root;
        foreach (var name in FileTree.Names(path))
        {
            var there = node.Parts!.GetValueOrDefault(name);
            if (there is { Kind: not EntryKind.Folder })
            {
                Remove(there, isReplaced: true);
                there = null;
            }

            node = there ?? Add(node, name);
            node.Parts ??= new Dictionary<string, FileNode>();
        }

        lastFolder = (path, node);
        return node;
    }

    private FileNode? Find(string path)
    {
        var node = root;
        foreach (var name in FileTree.Names(path))
        {
            node = node.Parts?.GetValueOrDefault(name);
            if (node is null) return null;
        }

        return node;
    }

    private void Remove(FileNode node, bool isReplaced)
    {
        if (node.Parent is null) return;
        node.Parent.Parts!.Remove(node.Name);
        lastFolder = null;
        Release(node, isReplaced);
    }

    /// <summary>Content that has no name any more is wasted.</summary>
    private void Release(FileNode node, bool isReplaced)
    {
        costBytes -= FileNode.CostBytes + (2 * node.Name.Length) + (2 * (node.Link?.Length ?? 0));
        foreach (var part in node.Parts?.Values ?? (IEnumerable<FileNode>)[]) Release(part, isReplaced);
        if (node.Content is not { } content || --content.Names > 0) return;
        wastedBytes += content.OwnBytes;
        wastedFiles++;
        if (worst.Count == KeptWorst && worst.TryPeek(out _, out var least) && least >= content.OwnBytes) return;
        worst.Enqueue(new WastedFile(node.Path, content.OwnBytes, content.Layer, layer, isReplaced), content.OwnBytes);
        if (worst.Count > KeptWorst) worst.Dequeue();
    }

    /// <summary>Sorts what is in a folder, and adds up its sizes.</summary>
    private static void Close(FileNode node, HashSet<FileNode> counted)
    {
        if (node.Parts is { } parts)
        {
            node.Children = [.. parts.Values];
            Array.Sort(node.Children, (one, other) => string.CompareOrdinal(one.Name, other.Name));
            node.Parts = null;
            foreach (var child in node.Children)
            {
                Close(child, counted);
                node.TotalBytes += child.TotalBytes;
                node.Files += child.Files + (child.Kind == EntryKind.Folder ? 0 : 1);
            }
        }

        if (node.Content is { } content && (content.Names == 1 || counted.Add(content)))
            node.TotalBytes = content.OwnBytes;
    }
}
