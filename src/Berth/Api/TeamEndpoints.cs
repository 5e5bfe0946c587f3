using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A team of an organization.</summary>
internal sealed record TeamView(
    string Name, string Description, DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    ChangeNote INoted.Note => new(Name);

    public static TeamView Of(TeamRow row) =>
        new(row.Name, row.Description, row.CreatedAt, row.CreatedBy, row.Version);
}

/// <summary>A team to be made.</summary>
internal sealed record NewTeam(string Name, string Description = "");

/// <summary>A change of a team.</summary>
internal sealed record TeamChange(string? Description = null);

/// <summary>A member of a team.</summary>
internal sealed record TeamMemberView(string Name);

/// <summary>A group of another directory, whose members are members of a team.</summary>
internal sealed record TeamGroup(string Source, string Name);

/// <summary><c>/organizations/{organization}/teams</c>: members of an organization who share grants.</summary>
internal sealed class TeamEndpoints(
    AuthSettings settings, Database database, AccessChanges changes, TimeProvider clock)
{
    public async Task<ApiAnswer<Listed<TeamView>>> ListAsync(HttpContext http, string organization)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            async session => await OrganizationEndpoints.FindAsync(session, organization) is { } row
                ? await TeamTable.ListAsync(session, row.Id, page.Last, page.Count + 1)
                : null,
            http.RequestAborted);
        return rows is null
            ? OrganizationEndpoints.NotFound()
            : http.Answer(page, rows.ConvertAll(TeamView.Of), one => one.Name);
    }

    public async Task<ApiAnswer<TeamView>> AddAsync(HttpContext http, string organization, [FromBody] NewTeam sent)
    {
        if (!AccountName.TryParse(sent.Name, out var name)) return Field.InvalidName(sent.Name);
        if (Field.FindFault(("description", sent.Description)) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<TeamView>>(
            async session =>
            {
                if (await OrganizationEndpoints.FindAsync(session, organization) is not { } row)
                    return OrganizationEndpoints.NotFound();
                var team = new TeamRow(0, row.Id, name.Text, sent.Description)
                {
                    CreatedAt = clock.GetUtcNow(),
                    CreatedBy = http.Caller().Name,
                };
                return await TeamTable.AddAsync(session, team) is { } added
                    ? ApiAnswer<TeamView>.Made(TeamView.Of(added), added.Version)
                    : ApiError.Conflict($"there is a team {name} already").At("name");
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<TeamView>> GetAsync(HttpContext http, string organization, string team) =>
        await database.ReadAsync(session => FindAsync(session, organization, team), http.RequestAborted) is { } row
            ? ApiAnswer<TeamView>.Of(TeamView.Of(row), row.Version)
            : NotFound();

    public async Task<ApiAnswer<TeamView>> ChangeAsync(
        HttpContext http, string organization, string team, [FromBody] TeamChange sent)
    {
        if (Field.FindFault(("description", sent.Description)) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<TeamView>>(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = await TeamTable.UpdateAsync(
                    session, row with { Description = sent.Description ?? row.Description });
                return ApiAnswer<TeamView>.Of(TeamView.Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string organization, string team) =>
        await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                await TeamTable.RemoveAsync(session, row.Id);
                return null;
            },
            http.RequestAborted);

    public async Task<ApiAnswer<Listed<TeamMemberView>>> MembersAsync(
        HttpContext http, string organization, string team)
    {
        var page = http.Page();
        var names = await database.ReadAsync(
            async session => await FindAsync(session, organization, team) is { } row
                ? await TeamTable.MembersAsync(session, row.Id, page.Last, page.Count + 1)
                : null,
            http.RequestAborted);
        return names is null
            ? NotFound()
            : http.Answer(page, names.ConvertAll(name => new TeamMemberView(name)), one => one.Name);
    }

    public async Task<ApiDone> AddMemberAsync(HttpContext http, string organization, string team, string user) =>
        await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                if (await UserEndpoints.FindAsync(session, user) is not { } account) return UserEndpoints.NotFound();
                var name = organization.ToLowerInvariant();
                if (await OrganizationTable.RoleOfAsync(session, name, account.Id) is null)
                    return ApiError.Conflict($"{account.Name} is no member of the organization {name}");
                if (http.HasCondition() && !(await TeamTable.IsMemberAsync(session, row.Id, account.Id)
                    && http.IsFor(ApiRequest.OnlyVersion)))
                {
                    return ApiError.Changed();
                }

                await TeamTable.AddMemberAsync(session, row.Id, account.Id);
                return null;
            },
            http.RequestAborted);

    public async Task<ApiDone> RemoveMemberAsync(HttpContext http, string organization, string team, string user) =>
        await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                if (await UserEndpoints.FindAsync(session, user) is not { } account
                    || !await TeamTable.IsMemberAsync(session, row.Id, account.Id))
                {
                    return ApiError.NotFound("such member");
                }

                if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
                await TeamTable.RemoveMemberAsync(session, row.Id, account.Id);
                return null;
            },
            http.RequestAborted);

    public async Task<ApiAnswer<Listed<TeamGroup>>> GroupsAsync(HttpContext http, string organization, string team)
    {
        var rows = await database.ReadAsync(
            async session => await FindAsync(session, organization, team) is { } row
                ? await TeamTable.GroupsAsync(session, row.Id)
                : null,
            http.RequestAborted);
        return rows is null
            ? NotFound()
            : new Listed<TeamGroup>(rows.ConvertAll(row => new TeamGroup(row.Source, row.Name)));
    }

    public async Task<ApiDone> AddGroupAsync(
        HttpContext http, string organization, string team, [FromBody] TeamGroup sent)
    {
        if (sent.Source.Length == 0 || sent.Name.Length == 0) return ApiError.Invalid("source and name are required");
        if (Field.FindFault(("source", sent.Source), ("name", sent.Name)) is { } fault) return fault;
        var sources = settings.Directories.Prepend(LdapSettings.Source).Distinct();
        if (Field.FindUnknownSource(sent.Source, [.. sources]) is { } unknown) return unknown;
        return await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                await TeamTable.AddGroupAsync(session, row.Id, new GroupRow(sent.Source, sent.Name));
                return null;
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveGroupAsync(
        HttpContext http, string organization, string team, string source, string group) =>
        await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization, team) is not { } row) return NotFound();
                var (sent, there) = (new GroupRow(source, group), await TeamTable.GroupsAsync(session, row.Id));
                if (!there.Contains(sent)) return ApiError.NotFound("such group");
                if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
                await TeamTable.RemoveGroupAsync(session, row.Id, sent);
                return null;
            },
            http.RequestAborted);

    /// <summary>The team with a name in an organization, however both are written.</summary>
    public static async ValueTask<TeamRow?> FindAsync(Session session, string organization, string text) =>
        AccountName.TryParse(text, out var name)
            && await OrganizationEndpoints.FindAsync(session, organization) is { } row
                ? await TeamTable.FindAsync(session, row.Id, name.Text)
                : null;

    public static ApiError NotFound() => ApiError.NotFound("such team");
}
