namespace Berth.Api;

/// <summary>The fields of searches.</summary>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfSearches = new(StringComparer.Ordinal)
    {
        ["?q"] = "Words, \"phrases\" and filters, all of which must fit. The last word may be the beginning of one.",
        ["?kind"] = "What is searched: repository.",
        ["SearchView.total"] = "How many repositories were found and that the caller may see.",
        ["isComplete"] = "Whether that is all. If not, there may be more: another word narrows it down.",
        ["searchedFor"] = "What was searched instead, since nothing has the words of q; absent: they were found.",
        ["isIndexing"] = "Whether the index is still being built, so that something may be missing.",
        ["facets"] = "What those found have in common, and how many: platform, type, is:official and namespace.",
        ["filter"] = "What to add to q to see only these.",
        ["FacetView.count"] = "How many.",
        ["isOfficial"] = "Whether it is in the namespace of curated images, library.",
        ["matches"] = "Why it was found, for each word.",
        ["word"] = "The word of q, in lowercase.",
        ["in"] = "Where it was found: name, description, tag or label.",
        ["SearchMatchView.text"] = "What has it there.",
        ["SearchHitView.pulls"] = "How often it was pulled from.",
        ["SearchHitView.name"] = "The repository's name.",
        ["SearchHitView.description"] = "What it is for; absent: nobody has said.",
        ["SearchRebuildView.state"] = "waiting, running or done.",
        ["SearchRebuildView.repositories"] = "How many repositories were looked at so far.",
        ["missingTags"] = "How many tags the index lacked.",
    };
}
