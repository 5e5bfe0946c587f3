using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>Somebody who may do something in a repository.</summary>
/// <param name="Kind">user, robot or team.</param>
/// <param name="Name">Whose.</param>
/// <param name="Role">The role with exactly these actions; null if there is none.</param>
/// <param name="Through">Where it comes from.</param>
internal sealed record AccessHolderView(
    string Kind, string Name, Role? Role, IReadOnlyList<string> Actions, string Through)
{
    /// <summary>Where a list goes on after this one.</summary>
    internal string Key { get; init; } = "";
}

/// <summary>
/// <c>/access</c>: who may do what in a repository. For its owners and staff, as the grants are of which it is made.
/// Administrators, auditors and the rules of the settings come besides.
/// </summary>
internal sealed class RepositoryAccessEndpoints(Database database, Ownership ownership)
{
    /// <summary>Grants that are read at once to find those for a repository.</summary>
    private const int ChunkEntries = 500;

    // The parts of the list, in their order, as they begin the keys of what is in them.
    private const string Members = "m:";
    private const string OfNamespace = "n:";
    private const string OfSeveral = "s:";

    /// <summary>Whether a caller may see who may do what.</summary>
    public bool MayList(ApiCaller caller, RepositoryName repository) => caller.Caller.Limits is null
        && (caller.IsStaff || ownership.Owns(caller, NamePattern.ForRepository(repository)));

    public async Task<ApiAnswer<Listed<AccessHolderView>>> ListAsync(HttpContext http, string repository)
    {
        var name = RepositoryName.Parse(repository);
        if (!MayList(http.Caller(), name))
            return ApiError.Denied("who may do what is for owners of the repository, administrators and auditors");
        var page = http.Page();
        var (part, after) = page.Last.Length > 2 ? (page.Last[..2], page.Last[2..]) : (Members, "");
        if (part != Members && !(part is OfNamespace or OfSeveral && long.TryParse(
            after, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
        {
            return ApiError.Invalid("last is not from a page of this list");
        }

        return await database.ReadAsync<ApiAnswer<Listed<AccessHolderView>>>(
            async session =>
            {
                if (await NamespaceTable.FindAsync(session, name.Text) is null)
                    return ApiError.NotFound("such repository");
                var found = new List<AccessHolderView>();
                if (part == Members)
                {
                    found.AddRange(await MembersAsync(session, name.Namespace, after, page.Count + 1));
                    (part, after) = (OfNamespace, "0");
                }

                if (part == OfNamespace)
                {
                    await AddGrantsAsync(session, found, name, OfNamespace, after, page.Count + 1);
                    after = "0";
                }

                await AddGrantsAsync(session, found, name, OfSeveral, after, page.Count + 1);
                return http.Answer(page, found, one => one.Key);
            },
            http.RequestAborted);
    }

    /// <summary>Some of those who may do something in a repository.</summary>
    public async ValueTask<IReadOnlyList<AccessHolderView>> FindAsync(
        RepositoryName repository, int count, CancellationToken cancellation) => await database.ReadAsync(
            async session =>
            {
                var found = new List<AccessHolderView>();
                found.AddRange(await MembersAsync(session, repository.Namespace, "", count));
                await AddGrantsAsync(session, found, repository, OfNamespace, "0", count);
                await AddGrantsAsync(session, found, repository, OfSeveral, "0", count);
                return found;
            },
            cancellation);

    /// <summary>The user whose namespace it is, or the members of the organization.</summary>
    private static async ValueTask<List<AccessHolderView>> MembersAsync(
        Session session, string space, string last, int count)
    {
        if (await AccountTable.FindAsync(session, space) is not { } owner) return [];
        if (owner.Kind == AccountKinds.User)
        {
            return string.CompareOrdinal(space, last) <= 0
                ? [] : [ViewOf("user", space, Role.Owner, $"{space} is the user's own namespace", Members + space)];
        }

        var views = new List<AccessHolderView>();
        while (views.Count < count)
        {
            var rows = await OrganizationTable.MembersAsync(session, owner.Id, last, count);
            foreach (var row in rows)
            {
                // Members without more rights have those of their teams.
                if (Enum.TryParse<Role>(row.Role, ignoreCase: true, out var role) && role != Role.Member)
                    views.Add(ViewOf("user", row.Name, role, $"{row.Role} of {space}", Members + row.Name));
            }

            if (rows.Count < count) break;
            last = rows[^1].Name;
        }

        return views;
    }

    private static async ValueTask AddGrantsAsync(
        Session session, List<AccessHolderView> found, RepositoryName repository, string part, string after, int count)
    {
        var space = part == OfNamespace ? repository.Namespace : "";
        var last = long.Parse(after, NumberStyles.None, CultureInfo.InvariantCulture);
        while (found.Count < count)
        {
            var rows = await GrantTable.ListAsync(session, space, last, ChunkEntries);
            found.AddRange(rows
                .Where(row => NamePattern.TryParse(row.Pattern, out var names) && names.Matches(repository.Text))
                .Select(row => ViewOf(row, part)).Take(count - found.Count));
            if (rows.Count < ChunkEntries) return;
            last = rows[^1].Id;
        }
    }

    private static AccessHolderView ViewOf(string kind, string name, Role role, string through, string key) =>
        new(kind, name, role, [.. Roles.NamesOf(Roles.ActionsOf(role))], through) { Key = key };

    private static AccessHolderView ViewOf(GrantRow row, string part)
    {
        var grant = GrantView.Of(row);
        var kind = grant.Team is not null ? "team" : grant.Robot is not null ? "robot" : "user";
        return new AccessHolderView(
            kind, (grant.Team ?? grant.Robot ?? grant.User)!, grant.Role, grant.Actions,
            $"grant for {grant.Names}")
        {
            Key = part + row.Id.ToString(CultureInfo.InvariantCulture),
        };
    }
}
