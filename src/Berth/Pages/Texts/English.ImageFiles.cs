namespace Berth.Pages;

/// <summary>Pages of what is inside images.</summary>
internal partial class English
{
    public virtual string FilesTab => "Files";
    public virtual string Compare => "Compare";
    public virtual string BeingIndexed =>
        "Some layers are being read for the first time: their files are not here yet.";
    public virtual string LookAgain => "Look again";
    public virtual string Folder => "Folder";
    public virtual string Root => "root";
    public virtual string Find => "Find";
    public virtual string FindFile => "Part of a file's name";
    public virtual string Show => "Show";
    public virtual string AllLayers => "All layers together";
    public virtual string ShowWaste => "What later layers wasted";
    public virtual string Name => "Name";
    public virtual string Mode => "Mode";
    public virtual string Owner => "Owner";
    public virtual string Changed => "Changed";
    public virtual string Whiteout => "removed here";
    public virtual string Opaque => "hides what is below";
    public virtual string NoFileFound => "No file has that in its name.";
    public virtual string EmptyFolder => "Nothing is in this folder.";
    public virtual string EmptyFile => "The file is empty.";
    public virtual string NoText => "This is no text. Download it to look at it.";
    public virtual string LeadsTo => "A link to";
    public virtual string GoThere => "Go there";
    public virtual string Waste => "Wasted";
    public virtual string WasteItems => "What nobody sees any more, the largest first";
    public virtual string Replaced => "replaced";
    public virtual string Removed => "Removed";
    public virtual string FirstTag => "Tag or digest";
    public virtual string OtherTag => "Other tag or digest";

    public virtual string Comparison(string from, string to) => $"{from} compared with {to}";

    public virtual string InRepository => "In the repository";
    public virtual string NotAllRead => "Not all layers of both could be read, so more may differ.";
    public virtual string NoConfigs => "The configs can't be compared.";
    public virtual string SameConfig => "Both run in the same way.";
    public virtual string Field => "Field";
    public virtual string Before => "Before";
    public virtual string After => "After";

    public virtual string PictureOf(string name) => $"The picture {name}";

    public virtual string FoundFiles(string text) => $"Files with {text} in their names";

    public virtual string FolderText(long bytes, long files) => $"{Size(bytes)}, {Whole(files)} files in all";

    public virtual string WasteText(long wasted, long all, double efficiency) =>
        $"{Size(wasted)} of {Size(all)} are of no use. Efficiency: {efficiency.ToString("P1", Numbers)}";

    public virtual string LayerIs(string state) => state switch
    {
        "waiting" => "This layer is being read:",
        "absent" => "This layer is not in the repository:",
        "off" => "Layers are not read here (contents.index), so the files of this one are left out:",
        _ => "This layer can't be read, so its files are left out:",
    };

    public virtual string SharedLayers(int count) => count == 1 ? "1 layer in both" : $"{Whole(count)} layers in both";

    public virtual string CountAdded(long count) => $"{Whole(count)} added";

    public virtual string CountRemoved(long count) => $"{Whole(count)} removed";

    public virtual string CountChanged(long count) => $"{Whole(count)} changed";

    public virtual string ChangeOf(string change) => change;
}
