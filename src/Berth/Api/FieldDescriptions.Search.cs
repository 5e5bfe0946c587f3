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
        ["?name"] = "The file's name, or with a slash its path from the root; * is any text, ? one character, in "
            + "whatever case.",
        ["FileSearchView.items"] = "Layers with such files, in the order of their digests.",
        ["FileSearchView.isComplete"] = "Whether that is all. If not, the Link header has where to go on; without one, "
            + "layers may be missing that very many repositories have.",
        ["progress"] = "How far the search has come, from 0 to 1.",
        ["searched"] = "How many layers this request looked through.",
        ["unsearched"] = "How many layers could not be searched.",
        ["FoundLayerView.layer"] = "The layer's digest.",
        ["FoundLayerView.files"] = "The files, at most 100.",
        ["hasMoreFiles"] = "Whether there are more of them in the layer.",
        ["FoundLayerView.repositories"] = "Repositories that have the layer, at most ten, the oldest first.",
        ["hasMoreRepositories"] = "Whether there are more; the list of the layer's holders has them all.",
        ["FoundFileView.path"] = "The path, from the root.",
        ["FoundFileView.kind"] = "file, hardLink, symbolicLink, characterDevice, blockDevice or pipe.",
        ["FoundFileView.sizeBytes"] = "The length of the file; 0 of a link.",
        ["SearchRebuildView.state"] = "waiting, running or done.",
        ["SearchRebuildView.repositories"] = "How many repositories were looked at so far.",
        ["missingTags"] = "How many tags the index lacked.",
    };

    /// <summary>What a field of a query means: on paths with this end, or on all.</summary>
    public static string? OfQuery(string path, string name)
    {
        var words = path.Split('/');
        return Find($"{string.Join('/', words.TakeLast(2))}?{name}") ?? Find($"{words[^1]}?{name}") ?? Find("?" + name);
    }
}
