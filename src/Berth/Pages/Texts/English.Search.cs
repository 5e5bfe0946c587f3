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
        + "tag:, label:, base:, platform:, type: and is:. For example:";

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
}
