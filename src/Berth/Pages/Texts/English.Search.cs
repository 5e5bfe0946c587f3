namespace Berth.Pages;

/// <summary>The page of searches.</summary>
internal partial class English
{
    public virtual string Search => "Search";
    public virtual string SearchField => "Search repositories";
    public virtual string SearchIndexing => "The index is still being built: something may be missing for a while.";
    public virtual string SearchFilters => "Filters";
    public virtual string SearchNarrow => "Narrow down";
    public virtual string NothingFound => "Nothing was found.";
    public virtual string KeySearch => "Search";

    public virtual string SearchHelp =>
        "Words are looked for in names, descriptions, tags and labels. These filters go before a value: namespace:, "
        + "tag:, label:, base:, platform:, type: and is:. With file:, package: or vulnerability: before its name, "
        + "images with it are looked for. "
        + "For example:";

    public virtual string SearchTitle(string query) => $"Search for {query}";

    public virtual string RemoveFilter(string filter) => $"Remove the filter {filter}";

    public virtual string SearchedInstead(string query, string instead) =>
        $"Nothing has “{query}”. This is what has “{instead}”.";

    public virtual string FoundIn(string place) => place == "tag" ? "Tag" : "Label";

    public virtual string Found(long count, bool isComplete) => (count, isComplete) switch
    {
        (1, true) => "1 repository",
        (_, true) => $"{Whole(count)} repositories",
        _ => $"{Whole(count)} repositories, and perhaps more: another word narrows it down",
    };

    public virtual string InLayer => "Layer";
    public virtual string LookFurther => "Look further";
    public virtual string AndMoreFiles => "and more files";
    public virtual string AllHolders => "All images with this layer";

    public virtual string FilesOfLayers =>
        "A later layer of an image may have removed or replaced the file: the link shows whether it is still there.";

    public virtual string FileSearchHelp =>
        "file: goes before the name of a file, or before its path from the root. * is any text, and ? one character. "
        + "namespace: beside it looks in one namespace. For example:";

    public virtual string FileSearchTitle(string name) => $"Images with the file {name}";

    public virtual string FileKind(string kind) => kind switch
    {
        "symbolicLink" => "symbolic link",
        "hardLink" => "hard link",
        "pipe" => "pipe",
        _ => "device",
    };

    public virtual string MoreImagesOf(string repository) => $"more in {repository}";

    public virtual string FoundInLayers(int count, double progress) =>
        (count == 1 ? "Found in 1 layer" : $"Found in {Whole(count)} layers")
        + (progress < 1 ? $"; {Math.Floor(progress * 100):0}% searched so far" : "");

    public virtual string FilesUnsearched(long layers) =>
        layers == 1 ? "1 layer could not be searched." : $"{Whole(layers)} layers could not be searched.";

    public virtual string FilesPartial => "Layers that very many repositories have may be missing here.";
}
