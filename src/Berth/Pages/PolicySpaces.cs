using Berth.Access;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>The namespaces on the pages about policies, waivers and trust.</summary>
/// <param name="Current">The one that is shown; null: the whole registry.</param>
/// <param name="All">Those whose entries the caller may change.</param>
internal sealed record PolicySpaces(string? Current, IReadOnlyList<string> All)
{
    /// <summary>What stands for the whole registry in addresses, as on other pages.</summary>
    private const string Everywhere = "*";

    /// <summary>Each is looked at for entries.</summary>
    private const int MaxSpaces = 20;

    public SpaceLinks LinksTo(string path) => new(All, Current ?? Everywhere, path);

    /// <summary>
    /// Which to show if none is asked for: staff see the whole registry; others the first of theirs with entries, or
    /// else that of an organization, where more is at stake than in their own.
    /// </summary>
    /// <param name="http">Who asks.</param>
    /// <param name="me">Which organizations they are members of.</param>
    /// <param name="least">The role that may change entries.</param>
    /// <param name="asked">What the address or the form names; empty: nothing.</param>
    /// <param name="hasAny">Whether a namespace has entries.</param>
    public static async Task<PolicySpaces> ChooseAsync(
        HttpContext http, MeEndpoints me, Role least, string asked, Func<HttpContext, string, Task<bool>> hasAny)
    {
        IReadOnlyList<string> all = (await me.GetAsync(http)).Value is { } found
            ? [found.Name, .. found.Organizations.Where(one => one.Role >= least).Select(one => one.Organization)] : [];
        if (asked == Everywhere || (asked.Length == 0 && http.Caller().IsStaff)) return new PolicySpaces(null, all);
        if (asked.Length > 0) return new PolicySpaces(asked, all);
        foreach (var space in all.Take(MaxSpaces))
        {
            if (await PageQuery.AskAsync(http, "?n=1", context => hasAny(context, space)))
                return new PolicySpaces(space, all);
        }

        return new PolicySpaces(all.Count > 1 ? all[1] : http.Caller().Name, all);
    }
}
