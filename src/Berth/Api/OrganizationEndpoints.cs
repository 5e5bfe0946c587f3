using Berth.Access;
using Berth.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>An organization.</summary>
internal sealed record OrganizationView(
    string Name, string? FullName, bool MakesPublic, DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    ChangeNote INoted.Note => new(Name, MakesPublic ? "makes public repositories" : null);

    public static OrganizationView Of(AccountRow row) =>
        new(row.Name, row.FullName, row.MakesPublic, row.CreatedAt, row.CreatedBy, row.Version);
}

/// <summary>An organization to be made.</summary>
/// <param name="Name">Its name, which is that of its namespace.</param>
/// <param name="FullName">Its display name.</param>
/// <param name="MakesPublic">Whether repositories pushed to it from now on are public.</param>
/// <param name="Owner">The user who is to be its first owner.</param>
internal sealed record NewOrganization(
    string Name, string? FullName = null, bool MakesPublic = false, string? Owner = null);

/// <summary>A change of an organization. What is missing stays as it is.</summary>
internal sealed record OrganizationChange(string? FullName = null, bool? MakesPublic = null);

/// <summary>A member of an organization.</summary>
internal sealed record MemberView(string Name, Role Role, DateTimeOffset AddedAt, string AddedBy) : INoted
{
    ChangeNote INoted.Note => new(Name, Roles.Word(Role));

    public static MemberView Of(MemberRow row) =>
        new(row.Name, OrganizationEndpoints.RoleOf(row.Role), row.AddedAt, row.AddedBy);
}

/// <summary>What somebody is to be in an organization.</summary>
internal sealed record Membership(Role Role);

/// <summary><c>/organizations</c>: namespaces that several users share, and who belongs to them.</summary>
internal sealed class OrganizationEndpoints(Database database, AccessChanges changes, TimeProvider clock)
{
    public async Task<ApiAnswer<Listed<OrganizationView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => ListAsync(session, http.Caller(), page), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(OrganizationView.Of), one => one.Name);
    }

    public async Task<ApiAnswer<OrganizationView>> AddAsync(HttpContext http, [FromBody] NewOrganization sent)
    {
        if (!AccountName.TryParse(sent.Name, out var name) || name.IsRobot) return Field.InvalidName(sent.Name);
        if (Field.FindFault(("fullName", sent.FullName)) is { } fault) return fault;
        var (now, by) = (clock.GetUtcNow(), http.Caller().Name);
        var account = new AccountRow(0, AccountKinds.Organization, name.Text)
        {
            FullName = Field.Change(null, sent.FullName),
            MakesPublic = sent.MakesPublic,
            CreatedAt = now,
            CreatedBy = by,
        };
        return await changes.RunAsync<ApiAnswer<OrganizationView>>(
            async session =>
            {
                AccountRow? owner = null;
                if (sent.Owner is not null && (owner = await UserEndpoints.FindAsync(session, sent.Owner)) is null)
                    return ApiError.Invalid($"there is no user {sent.Owner} to be the owner").At("owner");
                if (await AccountTable.AddAsync(session, account) is not { } added)
                    return ApiError.Conflict($"the name {name} is taken").At("name");
                if (owner is not null)
                {
                    await OrganizationTable.PutMemberAsync(
                        session, added.Id, owner.Id, Roles.Word(Role.Owner), now, by);
                }

                return ApiAnswer<OrganizationView>.Made(OrganizationView.Of(added), added.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<OrganizationView>> GetAsync(HttpContext http, string organization) =>
        await database.ReadAsync(session => FindAsync(session, organization), http.RequestAborted) is { } row
            ? ApiAnswer<OrganizationView>.Of(OrganizationView.Of(row), row.Version)
            : NotFound();

    public async Task<ApiAnswer<OrganizationView>> ChangeAsync(
        HttpContext http, string organization, [FromBody] OrganizationChange sent)
    {
        if (Field.FindFault(("fullName", sent.FullName)) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<OrganizationView>>(
            async session =>
            {
                if (await FindAsync(session, organization) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = await AccountTable.UpdateAsync(session, row with
                {
                    FullName = Field.Change(row.FullName, sent.FullName),
                    MakesPublic = sent.MakesPublic ?? row.MakesPublic,
                });
                return ApiAnswer<OrganizationView>.Of(OrganizationView.Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string organization) => await changes.RunAsync(
        async session =>
        {
            if (await FindAsync(session, organization) is not { } row) return NotFound();
            if (!http.IsFor(row.Version)) return ApiError.Changed();
            if (await NamespaceTable.HasRepositoriesAsync(session, row.Name))
                return ApiError.Conflict($"there are repositories in the namespace {row.Name}");
            await NamespaceTable.RemoveOwnerAsync(session, row);
            return null;
        },
        http.RequestAborted);

    public async Task<ApiAnswer<Listed<MemberView>>> MembersAsync(HttpContext http, string organization)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            async session => await FindAsync(session, organization) is { } row
                ? await OrganizationTable.MembersAsync(session, row.Id, page.Last, page.Count + 1)
                : null,
            http.RequestAborted);
        return rows is null ? NotFound() : http.Answer(page, rows.ConvertAll(MemberView.Of), one => one.Name);
    }

    public async Task<ApiAnswer<MemberView>> MemberAsync(HttpContext http, string organization, string user) =>
        await database.ReadAsync<ApiAnswer<MemberView>>(
            async session => await FindAsync(session, organization) is { } row
                && await FindMemberAsync(session, row, user) is { } member
                    ? ApiAnswer<MemberView>.Tagged(MemberView.Of(member))
                    : NoMember(),
            http.RequestAborted);

    /// <summary>Adds a member, or changes what they are.</summary>
    public async Task<ApiAnswer<MemberView>> PutMemberAsync(
        HttpContext http, string organization, string user, [FromBody] Membership sent) =>
        await changes.RunAsync<ApiAnswer<MemberView>>(
            async session =>
            {
                if (await FindAsync(session, organization) is not { } row) return NotFound();
                if (await UserEndpoints.FindAsync(session, user) is not { } account) return UserEndpoints.NotFound();
                if (http.HasCondition() && !(await FindMemberAsync(session, row, user) is { } member
                    && http.IsFor(MemberView.Of(member))))
                {
                    return ApiError.Changed();
                }

                var isLast = await IsLastOwnerAsync(session, row, account);
                if (isLast && sent.Role != Role.Owner && !http.Caller().IsAdministrator) return LastOwner();
                await OrganizationTable.PutMemberAsync(
                    session, row.Id, account.Id, Roles.Word(sent.Role), clock.GetUtcNow(), http.Caller().Name);
                return ApiAnswer<MemberView>.Tagged(
                    MemberView.Of((await OrganizationTable.FindMemberAsync(session, row.Id, account.Name))!));
            },
            http.RequestAborted);

    public async Task<ApiDone> RemoveMemberAsync(HttpContext http, string organization, string user) =>
        await changes.RunAsync(
            async session =>
            {
                if (await FindAsync(session, organization) is not { } row) return NotFound();
                if (await UserEndpoints.FindAsync(session, user) is not { } account
                    || await OrganizationTable.FindMemberAsync(session, row.Id, account.Name) is not { } member)
                {
                    return NoMember();
                }

                if (!http.IsFor(MemberView.Of(member))) return ApiError.Changed();
                if (await IsLastOwnerAsync(session, row, account) && !http.Caller().IsAdministrator) return LastOwner();
                await OrganizationTable.RemoveMemberAsync(session, row.Id, account.Id);
                return null;
            },
            http.RequestAborted);

    /// <summary>The organization with a name, however it is written.</summary>
    public static async ValueTask<AccountRow?> FindAsync(Session session, string text) =>
        AccountName.TryParse(text, out var name)
            && await AccountTable.FindAsync(session, name.Text) is { Kind: AccountKinds.Organization } row ? row : null;

    public static ApiError NotFound() => ApiError.NotFound("such organization");

    public static Role RoleOf(string text) =>
        Enum.TryParse<Role>(text, ignoreCase: true, out var role) ? role : Role.Member;

    private static async ValueTask<List<AccountRow>> ListAsync(Session session, ApiCaller caller, Page page)
    {
        if (caller.IsStaff)
            return await AccountTable.ListAsync(session, AccountKinds.Organization, page.Last, page.Count + 1);
        var rows = new List<AccountRow>();
        if (caller.Rights.Account is not { } own) return rows;
        foreach (var name in await OrganizationTable.ListOfAsync(session, own.Account.Id, page.Last, page.Count + 1))
        {
            if (await AccountTable.FindAsync(session, name) is { } row) rows.Add(row);
        }

        return rows;
    }

    private async ValueTask<bool> IsLastOwnerAsync(Session session, AccountRow organization, AccountRow user)
    {
        if (await OrganizationTable.RoleOfAsync(session, organization.Name, user.Id) != Roles.Word(Role.Owner))
            return false;
        var now = clock.GetUtcNow();
        var isCounted = !user.IsDisabled && !(user.ExpiresAt <= now);
        return await OrganizationTable.CountOwnersAsync(session, organization.Id, now) <= (isCounted ? 1 : 0);
    }

    private static async ValueTask<MemberRow?> FindMemberAsync(Session session, AccountRow row, string text) =>
        AccountName.TryParse(text, out var name)
            ? await OrganizationTable.FindMemberAsync(session, row.Id, name.Text)
            : null;

    private static ApiError NoMember() => ApiError.NotFound("such member");

    private static ApiError LastOwner() => ApiError.Conflict(
        "this is the last owner: make another first, or ask an administrator");
}
