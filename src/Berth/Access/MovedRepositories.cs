using Berth.Metadata;
using Berth.Oci;

namespace Berth.Access;

/// <summary>
/// Where repositories are now that were moved. It is asked only about what was not found: which names are old ones is
/// remembered for as long as <see cref="AccessVersion"/> stays the same, and only these are looked up.
/// </summary>
internal sealed class MovedRepositories(Database database, AccessVersion version, AccessRules access)
{
    private volatile Known? last;

    private sealed record Known(long Version, HashSet<string> Names);

    /// <summary>
    /// Where a repository is now from which a caller may pull; null if it was not moved, or they may not pull there.
    /// </summary>
    /// <param name="caller">The caller, whose rights are those in the new place.</param>
    /// <param name="name">The name that was asked for, which a token must cover.</param>
    /// <param name="isSeen">
    /// Whether they may pull by the name that they asked for. If not, any name is looked up, so that one which has
    /// moved to where they see nothing takes as long as one that never was.
    /// </param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async ValueTask<RepositoryName?> FindAsync(
        Caller caller, RepositoryName name, bool isSeen, CancellationToken cancellation)
    {
        if (caller.Scopes is { } scopes)
        {
            if (!scopes.Any(scope => scope.Covers(AccessAction.Pull, name.Text))) return null;

            // A token of another token server says all that its bearer may do: it must cover the new name too.
            if (caller.Kind != CallerKind.Token) caller = caller with { Scopes = null };
        }

        var names = await FindNamesAsync(cancellation);
        if (names is null or { Count: 0 } || (isSeen && !names.Contains(name.Text))) return null;
        string? target;
        try
        {
            target = await database.ReadAsync(session => RedirectTable.FindAsync(session, name), cancellation);
        }
        catch (DatabaseUnavailableException) when (!names.Contains(name.Text))
        {
            return null;
        }

        return target is not null && RepositoryName.TryParse(target, out var moved)
            && await access.AskAsync(caller, AccessAction.Pull, moved, cancellation) == AccessAnswer.Allowed
                ? moved : null;
    }

    /// <summary>All old names; while the database is unavailable, those that are remembered, or null.</summary>
    private async ValueTask<HashSet<string>?> FindNamesAsync(CancellationToken cancellation)
    {
        var known = last;
        try
        {
            var number = await version.CurrentAsync(cancellation);
            if (known?.Version == number) return known.Names;
            var names = await database.ReadAsync(RedirectTable.NamesAsync, cancellation);
            last = known = new Known(number, names.ToHashSet(StringComparer.Ordinal));
        }
        catch (DatabaseUnavailableException)
        {
            // What needs no old name is answered all the same.
        }

        return known?.Names;
    }
}
