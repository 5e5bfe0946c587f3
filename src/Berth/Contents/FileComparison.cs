namespace Berth.Contents;

/// <summary>What the second of two images has in place of the first.</summary>
internal enum FileChange
{
    Added,
    Removed,
    Changed,
}

/// <summary>A file or folder that two images have not alike.</summary>
/// <param name="Path">Where.</param>
/// <param name="From">What the first has; null if nothing.</param>
/// <param name="To">What the second has; null if nothing.</param>
/// <param name="What">What is different: kind, content, mode, owner, link.</param>
internal sealed record FileDifference(string Path, FileNode? From, FileNode? To, IReadOnlyList<string> What)
{
    public FileChange Change => From is null ? FileChange.Added : To is null ? FileChange.Removed : FileChange.Changed;
}

/// <summary>Compares the files of two images by what they are, and not by when they were written.</summary>
/// <param name="after">Differences up to this path are counted only.</param>
/// <param name="most">So many differences are kept.</param>
/// <param name="cancellation">Gives up.</param>
internal sealed class FileComparison(string after, int most, CancellationToken cancellation)
{
    private readonly string[] afterNames = FileTree.Names(after);
    private readonly List<string> names = [];

    public List<FileDifference> Found { get; } = [];

    public long Added { get; private set; }

    public long Removed { get; private set; }

    public long Changed { get; private set; }

    public void Run(FileTree from, FileTree to) => CompareParts(from.Root, to.Root);

    private void CompareParts(FileNode? from, FileNode? to)
    {
        cancellation.ThrowIfCancellationRequested();
        var (ours, theirs) = (from?.Children ?? [], to?.Children ?? []);
        for (int i = 0, j = 0; i < ours.Length || j < theirs.Length;)
        {
            var order = i == ours.Length ? 1 : j == theirs.Length ? -1
                : string.CompareOrdinal(ours[i].Name, theirs[j].Name);
            Compare(order <= 0 ? ours[i++] : null, order >= 0 ? theirs[j++] : null);
        }
    }

    private void Compare(FileNode? from, FileNode? to)
    {
        names.Add((from ?? to)!.Name);
        var what = from is null || to is null ? [] : DifferencesOf(from, to);
        if (from is null || to is null || what.Count > 0)
        {
            if (from is null) Added++;
            else if (to is null) Removed++;
            else Changed++;
            if (Found.Count < most && IsAfter())
                Found.Add(new FileDifference(string.Join('/', names), from, to, what));
        }

        if (from?.Children.Length > 0 || to?.Children.Length > 0) CompareParts(from, to);
        names.RemoveAt(names.Count - 1);
    }

    /// <summary>Whether it comes after the last one of the page before.</summary>
    private bool IsAfter()
    {
        for (var i = 0; i < names.Count && i < afterNames.Length; i++)
        {
            var order = string.CompareOrdinal(names[i], afterNames[i]);
            if (order != 0) return order > 0;
        }

        return names.Count > afterNames.Length;
    }

    private static List<string> DifferencesOf(FileNode from, FileNode to)
    {
        var what = new List<string>();
        var (ours, theirs) = (from.Content, to.Content);
        if (ours is null != theirs is null || (ours is null && from.Kind != to.Kind)) what.Add("kind");
        else if (ours is not null && (ours.OwnBytes != theirs!.OwnBytes || ours.Hash != theirs.Hash))
            what.Add("content");
        if (((ours ?? from).Mode, from.Kind) is var (mode, kind) && mode != (theirs ?? to).Mode
            && kind != EntryKind.SymbolicLink)
        {
            what.Add("mode");
        }

        if (((ours ?? from).Uid, (ours ?? from).Gid) != ((theirs ?? to).Uid, (theirs ?? to).Gid)) what.Add("owner");
        if (from.Kind == EntryKind.SymbolicLink && to.Kind == EntryKind.SymbolicLink && from.Link != to.Link)
            what.Add("link");
        return what;
    }
}
