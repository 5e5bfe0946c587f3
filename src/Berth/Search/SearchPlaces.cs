using Berth.Access;
using Berth.Metadata;

namespace Berth.Search;

/// <summary>
/// Where a search looks for a caller: only along what they may see, so that neither the answer nor the time that it
/// takes tells of anything else.
/// </summary>
/// <param name="Scopes">The parts of the index.</param>
/// <param name="Visible">What the caller may see; null for everything.</param>
/// <param name="IsExact">Whether the caller sees all that is there.</param>
internal sealed record SearchPlaces(IReadOnlyList<SearchScope> Scopes, VisibleNames? Visible, bool IsExact)
{
    public static SearchPlaces Of(SearchQuery query, VisibleNames? visible, bool isLimited)
    {
        var space = query.Namespace;
        IReadOnlyList<string>? only = space is null ? null : [space];
        var isPublic = query.IsPublic == true;
        if (visible is null) return new SearchPlaces([new SearchScope(only, isPublic)], null, true);
        var scopes = new List<SearchScope>();
        var isExact = !isLimited;
        if (visible.Patterns.Any(pattern => pattern.Namespace is null))
        {
            scopes.Add(new SearchScope(only, isPublic));
            isExact = false;
        }
        else if (visible.Patterns.Count > 0)
        {
            var spaces = visible.Patterns.Select(pattern => pattern.Namespace!).Distinct()
                .Where(one => space is null || one == space).ToList();
            if (spaces.Count > 0) scopes.Add(new SearchScope(spaces, isPublic));
            isExact &= visible.Patterns.All(pattern => pattern.Text == pattern.Namespace + "/**");
        }

        if (visible.WithPublic && query.IsPublic != false) scopes.Add(new SearchScope(only, true));
        return new SearchPlaces(scopes, visible, isExact);
    }

    public bool MaySee(SearchCandidate one) => Visible is null
        || (((Visible.WithPublic && one.IsPublic) || Visible.Patterns.Any(pattern => pattern.Matches(one.Name)))
            && Visible.IsWithinLimits(one.Name));
}
