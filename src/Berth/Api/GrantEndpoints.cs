using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>What a user, a robot or a team may do in the repositories that a pattern matches.</summary>
internal sealed record GrantView(
    long Id, string? User, string? Robot, string? Team, string Names, Role? Role, IReadOnlyList<string> Actions,
    DateTimeOffset CreatedAt, string CreatedBy) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", $"{User ?? Robot ?? Team} may {string.Join(',', Actions)} in {Names}");

    public static GrantView Of(GrantRow row)
    {
        var actions = Roles.Read(row.Actions);
        var isRobot = row.Account?.StartsWith(AccountName.RobotPrefix, StringComparison.Ordinal) == true;
        return new GrantView(
            row.Id, isRobot ? null : row.Account, isRobot ? row.Account : null, row.Team, row.Pattern,
            Roles.RoleOf(actions), [.. Roles.NamesOf(actions)], row.CreatedAt, row.CreatedBy);
    }
}

/// <summary>
/// A grant to be given to a user, a robot or a team (<c>organization/team</c>), with a role or with actions. It
/// replaces the one for the same pattern.
/// </summary>
internal sealed record NewGrant(
    string Names, string? User = null, string? Robot = null, string? Team = null, Role? Role = null,
    IReadOnlyList<string>? Actions = null);

/// <summary>
/// <c>/grants</c>: who may do what in which repositories. Whoever owns all that a pattern matches decides, and gives no
/// more than they have.
/// </summary>
internal sealed class GrantEndpoints(
    Database database, AccessChanges changes, Ownership ownership, TimeProvider clock)
{
    private static readonly string[] Kinds = ["namespace", "user", "robot", "team"];

    /// <summary>
    /// In one namespace, so that reading an account's rights stays fast. What others give must not use up what an owner
    /// may give.
    /// </summary>
    private const int MaxPerHolder = 1000;

    /// <summary>Lists the grants in a namespace, or those of a user, a robot or a team.</summary>
    public async Task<ApiAnswer<Listed<GrantView>>> ListAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var kinds = Kinds.Where(query.ContainsKey).ToList();
        if (kinds.Count != 1) return ApiError.Invalid("ask for the grants of one namespace, user, robot or team");
        var (kind, name, page) = (kinds[0], query[kinds[0]].ToString().ToLowerInvariant(), http.Page());
        if (kind == "namespace" && !MaySeeNamespace(http.Caller(), name)) return ApiError.NotFound("such namespace");
        if (kind == "user" && !http.Caller().IsStaff && http.Caller().Name != name) return UserEndpoints.NotFound();
        return await database.ReadAsync<ApiAnswer<Listed<GrantView>>>(
            async session => await FindAsync(session, http.Caller(), kind, name, page) is { } rows
                ? http.Answer(page, rows.ConvertAll(GrantView.Of), one => $"{one.Id}")
                : ApiError.NotFound($"such {kind}"),
            http.RequestAborted);
    }

    public async Task<ApiAnswer<GrantView>> AddAsync(HttpContext http, [FromBody] NewGrant sent)
    {
        var holders = new[] { sent.User, sent.Robot, sent.Team }.Count(name => name is not null);
        if (holders != 1) return ApiError.Invalid("give the grant to one user, robot or team");
        if (!NamePattern.TryParse(sent.Names, out var names)) return Field.InvalidPattern(sent.Names);
        if (Field.TryRead(sent.Role, sent.Actions, out var actions) is { } fault) return fault;
        if (FindExcess(http.Caller(), names, actions) is { } excess) return excess;
        return await changes.RunAsync<ApiAnswer<GrantView>>(
            async session =>
            {
                if (await FindHolderAsync(session, http.Caller(), sent) is not var (account, team))
                    return ApiError.Invalid($"there is no {sent.User ?? sent.Robot ?? sent.Team} to give the grant to");
                if (!RobotEndpoints.IsWithin(account?.Repository, names))
                    return ApiError.Invalid($"{account!.Name} is a robot of the repository {account.Repository} alone");
                var space = names.Namespace ?? "";
                if (await GrantTable.CountAsync(session, account?.Id, team, space, names.Text) >= MaxPerHolder)
                {
                    return ApiError.Conflict(
                        $"it has {MaxPerHolder} grants in this namespace already: use a team, or wider patterns");
                }

                var row = new GrantRow(
                    0, null, null, names.Text, Roles.Write(actions), clock.GetUtcNow(), http.Caller().Name);
                var added = await GrantTable.PutAsync(session, account?.Id, team, space, row);

                // A robot is shown with its grants, so this changes what was shown.
                if (account is { Kind: AccountKinds.Robot }) await AccountTable.UpdateAsync(session, account);
                return ApiAnswer<GrantView>.Made(
                    GrantView.Of((await GrantTable.FindAsync(session, added))!), ApiRequest.OnlyVersion);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, long id) => await changes.RunAsync(
        async session =>
        {
            var caller = http.Caller();
            if (await GrantTable.FindAsync(session, id) is not { } row) return ApiError.NotFound("such grant");
            if (!NamePattern.TryParse(row.Pattern, out var names) || !ownership.Owns(caller, names))
            {
                return caller.IsStaff || row.Account == caller.Name
                    ? ApiError.Denied($"{caller.Name} does not own all of {row.Pattern}")
                    : ApiError.NotFound("such grant");
            }

            if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
            await GrantTable.RemoveAsync(session, id);
            if (row.Account is { } holder && await RobotEndpoints.FindAsync(session, holder) is { } robot)
                await AccountTable.UpdateAsync(session, robot);
            return null;
        },
        http.RequestAborted);

    /// <summary>Why a caller may not give this to others; null if they may.</summary>
    private ApiError? FindExcess(ApiCaller caller, NamePattern names, AccessAction actions)
    {
        var own = ownership.ActionsIn(caller, names);
        if ((own & AccessAction.Own) == 0) return ApiError.Denied($"{caller.Name} does not own all of {names}");
        return (actions & ~own) == 0
            ? null
            : ApiError.Denied($"{caller.Name} may not {Roles.Write(actions & ~own)} in all of {names}");
    }

    private bool MaySeeNamespace(ApiCaller caller, string space) => caller.IsStaff
        || (AccountName.TryParse(space, out var name) && ownership.Owns(caller, name.Text));

    private async ValueTask<List<GrantRow>?> FindAsync(
        Session session, ApiCaller caller, string kind, string name, Page page)
    {
        switch (kind)
        {
            case "namespace":
                // Those that reach into several namespaces are in none.
                return await GrantTable.ListAsync(session, name == "*" ? "" : name, page.LastId, page.Count + 1);
            case "team":
                return await FindOfTeamAsync(session, caller, name, page);
            case "robot" when await RobotEndpoints.FindAsync(session, name) is not { } robot
                || !await RobotEndpoints.MaySeeAsync(session, ownership, caller, robot):
                return null;
        }

        if (!AccountName.TryParse(name, out var parsed)
            || await AccountTable.FindAsync(session, parsed.Text) is not { } account)
        {
            return null;
        }

        var all = await GrantTable.ListOfAsync(session, account.Id);
        return [.. all.OrderBy(row => row.Id).Where(row => row.Id > page.LastId).Take(page.Count + 1)];
    }

    private static async ValueTask<List<GrantRow>?> FindOfTeamAsync(
        Session session, ApiCaller caller, string name, Page page)
    {
        if (await FindTeamAsync(session, caller, name) is not { } team) return null;
        var rows = new List<GrantRow>();
        foreach (var id in await TeamTable.GrantsAsync(session, team.Id, page.LastId, page.Count + 1))
        {
            if (await GrantTable.FindAsync(session, id) is { } row) rows.Add(row);
        }

        return rows;
    }

    /// <summary>A robot or team that the caller may not see is not there.</summary>
    private async ValueTask<(AccountRow? Account, long? Team)?> FindHolderAsync(
        Session session, ApiCaller caller, NewGrant sent)
    {
        if (sent.Team is { } team) return await FindTeamAsync(session, caller, team) is { } row ? (null, row.Id) : null;
        if (sent.User is { } user)
            return await UserEndpoints.FindAsync(session, user) is { } account ? (account, null) : null;
        return await RobotEndpoints.FindAsync(session, sent.Robot!) is { } robot
            && await RobotEndpoints.MaySeeAsync(session, ownership, caller, robot)
                ? (robot, null) : null;
    }

    /// <summary>A team is there for members of its organization and for staff.</summary>
    private static async ValueTask<TeamRow?> FindTeamAsync(Session session, ApiCaller caller, string text)
    {
        if (text.Split('/') is not [var organization, var name]) return null;
        if (await TeamEndpoints.FindAsync(session, organization, name) is not { } team) return null;
        return caller.IsStaff || (caller.Rights.Account is { } own && await OrganizationTable.RoleOfAsync(
            session, organization.ToLowerInvariant(), own.Account.Id) is not null) ? team : null;
    }
}
