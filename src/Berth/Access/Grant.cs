using Berth.Oci;

namespace Berth.Access;

/// <summary>What may be done in some repositories, and why.</summary>
/// <param name="Names">Which repositories.</param>
/// <param name="Actions">All that may be done there.</param>
/// <param name="Through">Where it comes from, for people: <c>team acme/dev is writer on acme/**</c>.</param>
internal sealed record Grant(NamePattern Names, AccessAction Actions, string Through)
{
    public bool Covers(AccessAction action, string repository) =>
        (Actions & action) == action && Names.Matches(repository);
}
