namespace Berth.Contents;

/// <summary>A file or folder of an image, or of one of its layers.</summary>
/// <param name="name">Its name in the folder.</param>
/// <param name="parent">The folder; null for the root.</param>
internal sealed class FileNode(string name, FileNode? parent)
{
    /// <summary>What one costs in memory, besides its texts, with its place in the folder.</summary>
    public const int CostBytes = 300;

    public string Name => name;

    public FileNode? Parent => parent;

    public EntryKind Kind { get; set; } = EntryKind.Folder;

    /// <summary>The length of a file's content.</summary>
    public long OwnBytes { get; set; }

    public int Mode { get; set; } = 0x1ed;

    public long Uid { get; set; }

    public long Gid { get; set; }

    /// <summary>Seconds since 1970.</summary>
    public long ModifiedAt { get; set; }

    public string? Link { get; set; }

    public ContentHash Hash { get; set; }

    /// <summary>The layer that has it, counted from the lowest.</summary>
    public int Layer { get; set; }

    /// <summary>Which entry of the layer it is; -1 for a folder that is only there for what is in it.</summary>
    public int Number { get; set; } = -1;

    /// <summary>What a hard link is to, if that was there.</summary>
    public FileNode? Target { get; set; }

    /// <summary>Names that the content has: those of hard links, too.</summary>
    public int Names { get; set; } = 1;

    /// <summary>Whether it hides all that lower layers have in the folder.</summary>
    public bool IsOpaque { get; set; }

    /// <summary>What is in a folder, while it is made.</summary>
    public Dictionary<string, FileNode>? Parts { get; set; }

    /// <summary>What is in a folder, by name.</summary>
    public FileNode[] Children { get; set; } = [];

    /// <summary>The bytes of the file, or of all in the folder. Content with several names counts for the first.
    /// </summary>
    public long TotalBytes { get; set; }

    /// <summary>How many there are in the folder that are no folders.</summary>
    public int Files { get; set; }

    /// <summary>The node that has the content: itself, unless it is a hard link.</summary>
    public FileNode? Content => Kind switch
    {
        EntryKind.File => this,
        EntryKind.HardLink => Target,
        _ => null,
    };

    /// <summary>Its path; empty for the root.</summary>
    public string Path
    {
        get
        {
            var names = new List<string>();
            for (var node = this; node.Parent is not null; node = node.Parent) names.Add(node.Name);
            names.Reverse();
            return string.Join('/', names);
        }
    }
}
