using System.Globalization;

namespace Berth.Metadata;

/// <summary>What a list of tags is ordered by; tags with the same are ordered by their names.</summary>
internal enum TagOrder
{
    Name,

    /// <summary>When they were pushed or moved.</summary>
    Pushed,

    /// <summary>When they were pulled; those that never were are the oldest.</summary>
    Pulled,

    /// <summary>The bytes of their configs and layers; those that were not read yet have none.</summary>
    Size,
}

/// <summary>Which tags of a repository a list has, and in which order.</summary>
/// <param name="Order">What they are ordered by.</param>
/// <param name="IsDescending">Whether the largest come first.</param>
/// <param name="Part">Only those with this in their names, in capitals or not; null: all.</param>
/// <param name="Digest">Only those that point to this; null: all.</param>
/// <param name="After">The last tag of the page before; null for the first page.</param>
/// <param name="IsOwn">Without those that attach something to an image, as cosign's do.</param>
internal sealed record TagQuery(
    TagOrder Order = TagOrder.Name, bool IsDescending = false, string? Part = null, string? Digest = null,
    TagCursor? After = null, bool IsOwn = false)
{
    /// <summary>
    /// The most tags that can be ordered by what has no index, since all of them are read for each page.
    /// </summary>
    public const int MostSorted = 5000;

    /// <summary>
    /// The most tags that a page of those with something in their names looks at; the next page goes on there. All that
    /// are looked at, where the order has no index.
    /// </summary>
    public const int MostScanned = 20_000;

    /// <summary>Whether names are looked at that no index finds.</summary>
    public bool IsScan => Part is not null && Digest is null;

    /// <summary>Whether there is an index of this order.</summary>
    public bool IsIndexed => Order is TagOrder.Name or TagOrder.Pushed;
}

/// <summary>Where a tag is in an order: what it is ordered by, in milliseconds or bytes, and its name.</summary>
internal sealed record TagCursor(long Key, string Name)
{
    /// <summary>Null if it is not what <see cref="ToString"/> writes.</summary>
    public static TagCursor? TryParse(string text, TagOrder order)
    {
        if (order == TagOrder.Name) return new TagCursor(0, text);
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && long.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var key)
            ? new TagCursor(key, text[(dot + 1)..]) : null;
    }

    /// <summary>As the address of the next page has it.</summary>
    public string ToString(TagOrder order) =>
        order == TagOrder.Name ? Name : string.Create(CultureInfo.InvariantCulture, $"{Key}.{Name}");
}
