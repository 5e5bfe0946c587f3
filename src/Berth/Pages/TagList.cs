using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>How the tags of a repository are listed, which stands in the page's address.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Sort">What they are sorted by, as the API has it; the latest push first if nobody asks.</param>
/// <param name="Matching">Part of the tags' names; empty: all.</param>
/// <param name="IsByImage">Whether tags of the same image are one row.</param>
/// <param name="HasAttached">Whether tags that attach something to an image are listed too.</param>
internal sealed record TagListing(
    string Repository, string Sort, string Matching, bool IsByImage, bool HasAttached)
{
    public const string UsualSort = "-pushed";

    public static TagListing Of(string repository, IQueryCollection query) =>
        Of(repository, name => query[name].ToString());

    /// <summary>The list that a form was sent from, which has <see cref="Fields"/>.</summary>
    public static TagListing Of(string repository, PageBody sent) => Of(repository, sent.Text);

    private static TagListing Of(string repository, Func<string, string> read) => new(
        repository, read("sort") is { Length: > 0 } sort ? sort : UsualSort, read("matching"),
        read("rows") == "images", read("attached") == "yes");

    /// <summary>What is not as usual, for the query or as hidden fields of a form.</summary>
    public IReadOnlyList<(string Name, string Value)> Fields =>
    [
        .. Sort == UsualSort ? Array.Empty<(string, string)>() : [("sort", Sort)],
        .. Matching.Length == 0 ? Array.Empty<(string, string)>() : [("matching", Matching)],
        .. IsByImage ? [("rows", "images")] : Array.Empty<(string, string)>(),
        .. HasAttached ? [("attached", "yes")] : Array.Empty<(string, string)>(),
    ];

    /// <summary>The address of the list; no slash of the registry's own path before it.</summary>
    public string Path => PagePath.Of(Repository) + QueryString.Create(
        Fields.Select(one => KeyValuePair.Create(one.Name, (string?)one.Value))).ToUriComponent();

    /// <summary>The same, sorted by something; by the same again, the other way round.</summary>
    /// <param name="order">A column.</param>
    /// <param name="isLargestFirst">Whether the first click on it shows the largest first.</param>
    public TagListing SortedBy(string order, bool isLargestFirst)
    {
        var first = isLargestFirst ? "-" + order : order;
        return this with { Sort = Sort == first ? (isLargestFirst ? order : "-" + order) : first };
    }

    /// <summary>For <c>aria-sort</c>; null for columns that the list is not sorted by.</summary>
    public string? DirectionOf(string order) =>
        Sort == order ? "ascending" : Sort == "-" + order ? "descending" : null;
}

/// <summary>A row of the table of tags: a tag, or several of the same image.</summary>
internal sealed record TagLine(IReadOnlyList<TagView> Tags)
{
    public TagView First => Tags[0];

    /// <summary>The rows of a page, each where the first of its tags is.</summary>
    public static List<TagLine> Of(IReadOnlyList<TagView> tags, bool isByImage)
    {
        if (!isByImage) return [.. tags.Select(tag => new TagLine([tag]))];
        return [.. tags.GroupBy(tag => tag.Digest, StringComparer.Ordinal).Select(one => new TagLine([.. one]))];
    }
}

/// <summary>What the table of tags shows.</summary>
/// <param name="Listing">How they are listed.</param>
/// <param name="Tags">A page of them.</param>
/// <param name="Rights">What the reader may do.</param>
/// <param name="HasAttached">Whether there are tags that attach something.</param>
/// <param name="Count">How many there are, whatever the filter.</param>
internal sealed record TagsPart(
    TagListing Listing, PageList<TagView> Tags, RepositoryRights Rights, bool HasAttached, TagCount Count)
{
    public List<TagLine> Lines => TagLine.Of(Tags.Items, Listing.IsByImage);
}
