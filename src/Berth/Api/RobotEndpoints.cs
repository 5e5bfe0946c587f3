using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A robot: an account for programs, of a namespace or of the registry.</summary>
internal sealed record RobotView(
    string Name, string? Namespace, string? Description, bool IsDisabled, DateTimeOffset? ExpiresAt,
    bool MayMakeRobots, IReadOnlyList<RobotGrant> Grants, IReadOnlyList<RobotSecret> Secrets,
    DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    /// <summary>What it may do.</summary>
    public ChangeNote Note() => new(
        Name, string.Join("; ", Grants.Select(grant => $"{WhatOf(grant)} in {grant.Names}")));

    ChangeNote INoted.Note => Note();

    private static string WhatOf(RobotGrant grant) =>
        grant.Role is { } role ? Roles.Word(role) : string.Join(',', grant.Actions ?? []);
}

/// <summary>What a robot may do in the repositories that a pattern matches: a role, or actions.</summary>
internal sealed record RobotGrant(string Names, Role? Role = null, IReadOnlyList<string>? Actions = null);

/// <summary>A secret of a robot, as far as it is shown.</summary>
internal sealed record RobotSecret(
    string Hint, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? UsedAt, string? UsedFrom);

/// <summary>A robot to be made. Without a namespace, it is the registry's.</summary>
internal sealed record NewRobot(
    string Name, string? Namespace = null, string? Description = null, IReadOnlyList<RobotGrant>? Grants = null,
    DateTimeOffset? ExpiresAt = null, bool MayMakeRobots = false);

/// <summary>
/// A change of a robot. What is missing stays as it is; grants replace all that it has, and an expiry that is null ends
/// never.
/// </summary>
internal sealed record RobotChange(
    string? Description = null, bool? IsDisabled = null, ExpiryChange ExpiresAt = default,
    IReadOnlyList<RobotGrant>? Grants = null);

/// <summary>A robot with its new secret: this is the only time that it is shown.</summary>
internal sealed record MadeRobot(RobotView Robot, string Secret) : INoted
{
    ChangeNote INoted.Note => Robot.Note();
}

/// <summary><c>/robots</c>: accounts for programs.</summary>
internal sealed class RobotEndpoints(
    Database database, AccessChanges changes, Ownership ownership, TimeProvider clock)
{
    /// <summary>Two are needed while one replaces another.</summary>
    private const int MaxSecrets = 10;

    private const int MaxGrants = 100;

    /// <summary>The robots of a namespace, or without one those of the registry.</summary>
    public async Task<ApiAnswer<Listed<RobotView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var (caller, page) = (http.Caller(), http.Page());
        var isSeen = caller.IsStaff || (AccountName.TryParse(space, out var name) && ownership.Owns(caller, name.Text));
        if (!isSeen) return space is null ? StaffOnly() : ApiError.NotFound("such namespace");
        return await database.ReadAsync<ApiAnswer<Listed<RobotView>>>(
            async session => await ListAsync(session, space, page) is { } robots
                ? http.Answer(page, robots, one => one.Name)
                : ApiError.NotFound("such namespace"),
            http.RequestAborted);
    }

    public async Task<ApiAnswer<MadeRobot>> AddAsync(HttpContext http, [FromBody] NewRobot sent)
    {
        if (!AccountName.TryParse(sent.Name, out var name)) return Field.InvalidName(sent.Name);
        if (!name.IsRobot) return ApiError.Invalid($"names of robots begin with {AccountName.RobotPrefix}");
        if (Field.FindFault(("description", sent.Description)) is { } fault) return fault;
        var now = clock.GetUtcNow();
        if (sent.ExpiresAt <= now) return ApiError.Invalid("expiresAt is in the past");
        if (Check(sent.Grants, out var grants) is { } invalid) return invalid;
        return await changes.RunAsync<ApiAnswer<MadeRobot>>(
            async session =>
            {
                var owner = sent.Namespace is { } space ? await FindOwnerAsync(session, space) : null;
                if (Refuse(http.Caller(), sent, owner, grants) is { } refusal) return refusal;
                var robot = new AccountRow(0, AccountKinds.Robot, name.Text)
                {
                    FullName = Field.Change(null, sent.Description),
                    ExpiresAt = sent.ExpiresAt?.ToUniversalTime(),
                    OwnerId = owner?.Id,
                    MayMakeRobots = sent.MayMakeRobots,
                    CreatedAt = now,
                    CreatedBy = http.Caller().Name,
                };
                if (await AccountTable.AddAsync(session, robot) is not { } added)
                    return ApiError.Conflict($"the name {name} is taken");
                foreach (var (names, actions) in grants)
                {
                    var grant = new GrantRow(0, null, null, names.Text, Roles.Write(actions), now, robot.CreatedBy);
                    await GrantTable.PutAsync(session, added.Id, null, names.Namespace ?? "", grant);
                }

                var secret = await AddSecretAsync(session, added, robot.CreatedBy, now);
                return ApiAnswer<MadeRobot>.Made(
                    new MadeRobot(await ViewAsync(session, added), secret), added.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<RobotView>> GetAsync(HttpContext http, string name) =>
        await database.ReadAsync<ApiAnswer<RobotView>>(
            async session => await FindAsync(session, name) is { } robot
                && await MaySeeAsync(session, ownership, http.Caller(), robot)
                    ? ApiAnswer<RobotView>.Of(await ViewAsync(session, robot), robot.Version)
                    : NotFound(),
            http.RequestAborted);

    public async Task<ApiAnswer<RobotView>> ChangeAsync(HttpContext http, string name, [FromBody] RobotChange sent)
    {
        if (Field.FindFault(("description", sent.Description)) is { } fault) return fault;
        var now = clock.GetUtcNow();
        if (sent.ExpiresAt.FindFault(now) is { } past) return past;
        if (Check(sent.Grants, out var grants) is { } invalid) return invalid;
        return await changes.RunAsync<ApiAnswer<RobotView>>(
            async session =>
            {
                var caller = http.Caller();
                if (await FindAsync(session, name) is not { } robot) return NotFound();
                if (await RefuseAsync(session, caller, robot) is { } refusal) return refusal;
                if (!http.IsFor(robot.Version)) return ApiError.Changed();
                if (sent.ExpiresAt.IsGiven && MakerOf(caller) is { ExpiresAt: { } limit }
                    && !(sent.ExpiresAt.At <= limit))
                {
                    return ApiError.Denied($"a robot expires no later than the one that made it, {limit:u}");
                }

                if (sent.Grants is not null
                    && await ReplaceGrantsAsync(session, caller, robot, grants, now) is { } excess)
                {
                    return excess;
                }

                var changed = await AccountTable.UpdateAsync(session, robot with
                {
                    FullName = Field.Change(robot.FullName, sent.Description),
                    IsDisabled = sent.IsDisabled ?? robot.IsDisabled,
                    ExpiresAt = sent.ExpiresAt.From(robot.ExpiresAt),
                });
                return ApiAnswer<RobotView>.Of(await ViewAsync(session, changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string name) => await changes.RunAsync(
        async session =>
        {
            if (await FindAsync(session, name) is not { } robot) return NotFound();
            if (await RefuseAsync(session, http.Caller(), robot) is { } refusal) return refusal;
            if (!http.IsFor(robot.Version)) return ApiError.Changed();
            await AccountTable.RemoveAsync(session, robot.Id);
            return null;
        },
        http.RequestAborted);

    /// <summary>Makes a new secret. Those there are end after a while: until then, all are good.</summary>
    public async Task<ApiAnswer<MadeRobot>> RotateAsync(HttpContext http, string name, [FromBody] Rotation sent)
    {
        if (PersonalTokenEndpoints.FindFault(sent) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<MadeRobot>>(
            async session =>
            {
                if (await FindAsync(session, name) is not { } robot) return NotFound();
                if (await RefuseAsync(session, http.Caller(), robot) is { } refusal) return refusal;
                if (!http.IsFor(robot.Version)) return ApiError.Changed();
                robot = await AccountTable.UpdateAsync(session, robot);
                var now = clock.GetUtcNow();
                foreach (var old in await SecretsAsync(session, robot))
                {
                    await PersonalTokenEndpoints.EndAsync(session, old, now.AddSeconds(sent.OverlapSeconds), now);
                }

                var secret = await AddSecretAsync(session, robot, http.Caller().Name, now);
                await TokenTable.KeepNewestAsync(session, robot.Id, TokenKinds.Robot, MaxSecrets);
                return ApiAnswer<MadeRobot>.Made(
                    new MadeRobot(await ViewAsync(session, robot), secret), robot.Version);
            },
            http.RequestAborted);
    }

    /// <summary>The robot with a name, however it is written.</summary>
    public static async ValueTask<AccountRow?> FindAsync(Session session, string text) =>
        AccountName.TryParse(text, out var name)
            && await AccountTable.FindAsync(session, name.Text) is { Kind: AccountKinds.Robot } row ? row : null;

    /// <summary>Whether a caller may see a robot: staff, whoever manages it, and itself.</summary>
    public static async ValueTask<bool> MaySeeAsync(
        Session session, Ownership ownership, ApiCaller caller, AccountRow robot) =>
        caller.IsStaff || caller.Caller.Id == robot.Id || await ManagesAsync(session, ownership, caller, robot);

    /// <summary>Administrators, the owners of its namespace, and the robot that made it.</summary>
    private static async ValueTask<bool> ManagesAsync(
        Session session, Ownership ownership, ApiCaller caller, AccountRow robot)
    {
        if (caller.IsAdministrator) return true;
        if (MakerOf(caller) is { } maker && robot.CreatedBy == maker.Name && robot.OwnerId == maker.OwnerId)
            return true;
        return robot.OwnerId is { } id && await AccountTable.FindAsync(session, id) is { } owner
            && ownership.Owns(caller, owner.Name);
    }

    private async ValueTask<ApiError?> RefuseAsync(Session session, ApiCaller caller, AccountRow robot)
    {
        if (await ManagesAsync(session, ownership, caller, robot)) return null;
        return caller.IsStaff || caller.Caller.Id == robot.Id
            ? ApiError.Denied($"{caller.Name} does not manage {robot.Name}") : NotFound();
    }

    /// <summary>Why a caller may not make such a robot; null if they may.</summary>
    private ApiError? Refuse(
        ApiCaller caller, NewRobot sent, AccountRow? owner, List<(NamePattern Names, AccessAction Actions)> grants)
    {
        var isOwner = caller.IsAdministrator || (owner is not null && ownership.Owns(caller, owner.Name));
        if (!isOwner)
        {
            if (MakerOf(caller) is not { } maker)
                return sent.Namespace is null ? StaffOnly() : ApiError.NotFound("such namespace");
            if (owner?.Id != maker.OwnerId) return ApiError.Denied("a robot makes robots in its own namespace");
            if (sent.MayMakeRobots) return ApiError.Denied("a robot that was made by a robot makes none");
            if (maker.ExpiresAt is { } end && !(sent.ExpiresAt <= end))
                return ApiError.Denied($"a robot expires no later than the one that made it, {end:u}");
        }

        return sent.Namespace is not null && owner is null
            ? ApiError.NotFound("such namespace") : FindExcess(caller, owner, grants);
    }

    /// <summary>Which of these a caller may not give to a robot; null if they may give all.</summary>
    private ApiError? FindExcess(
        ApiCaller caller, AccountRow? owner, IEnumerable<(NamePattern Names, AccessAction Actions)> grants)
    {
        foreach (var (names, actions) in grants)
        {
            if (owner is not null && !NamePattern.ForNamespace(owner.Name).Covers(names))
                return ApiError.Invalid($"{names} is not within the namespace {owner.Name}");
            var excess = actions & ~ownership.ActionsIn(caller, names);
            if (excess != 0)
                return ApiError.Denied($"{caller.Name} may not {Roles.Write(excess)} in all of {names}");
        }

        return null;
    }

    private static ApiError? Check(
        IReadOnlyList<RobotGrant>? sent, out List<(NamePattern Names, AccessAction Actions)> grants)
    {
        grants = [];
        if (sent?.Count > MaxGrants) return ApiError.Invalid($"a robot is made with at most {MaxGrants} grants");
        foreach (var grant in sent ?? [])
        {
            if (!NamePattern.TryParse(grant.Names, out var names)) return Field.InvalidPattern(grant.Names);
            if (Field.TryRead(grant.Role, grant.Actions, out var actions) is { } fault) return fault;
            grants.Add((names, actions));
        }

        return null;
    }

    /// <summary>
    /// Makes these a robot's only grants. What it has already, or more than that, is no gift: it may have it from
    /// somebody who may give more.
    /// </summary>
    private async ValueTask<ApiError?> ReplaceGrantsAsync(
        Session session, ApiCaller caller, AccountRow robot,
        List<(NamePattern Names, AccessAction Actions)> grants, DateTimeOffset now)
    {
        var held = (await GrantTable.ListOfAsync(session, robot.Id))
            .ToLookup(row => row.Pattern, row => (row.Id, Actions: Roles.Read(row.Actions)));
        var owner = robot.OwnerId is { } id ? await AccountTable.FindAsync(session, id) : null;
        var more = grants.Where(grant => !held[grant.Names.Text].Any(old => (grant.Actions & ~old.Actions) == 0));
        if (FindExcess(caller, owner, more) is { } excess) return excess;
        foreach (var old in held.Where(old => !grants.Exists(grant => grant.Names.Text == old.Key)).SelectMany(o => o))
            await GrantTable.RemoveAsync(session, old.Id);
        foreach (var (names, actions) in grants)
        {
            if (held[names.Text].Any(old => old.Actions == actions)) continue;
            var grant = new GrantRow(0, null, null, names.Text, Roles.Write(actions), now, caller.Name);
            await GrantTable.PutAsync(session, robot.Id, null, names.Namespace ?? "", grant);
        }

        return null;
    }

    /// <summary>The caller's account, if it is a robot that may make others.</summary>
    private static AccountRow? MakerOf(ApiCaller caller) =>
        caller.Rights.Account?.Account is { Kind: AccountKinds.Robot, MayMakeRobots: true } maker ? maker : null;

    private static async ValueTask<AccountRow?> FindOwnerAsync(Session session, string space) =>
        AccountName.TryParse(space, out var name)
            && await AccountTable.FindAsync(session, name.Text) is { } row && row.Kind != AccountKinds.Robot
                ? row : null;

    private static async ValueTask<List<RobotView>?> ListAsync(Session session, string? space, Page page)
    {
        var robots = new List<RobotView>();
        if (space is null)
        {
            foreach (var name in await NamespaceTable.RegistryRobotsAsync(session, page.Last, page.Count + 1))
            {
                if (await AccountTable.FindAsync(session, name) is { } robot)
                    robots.Add(await ViewAsync(session, robot));
            }

            return robots;
        }

        if (await FindOwnerAsync(session, space) is not { } owner) return null;
        foreach (var robot in await AccountTable.ListOwnedAsync(session, owner.Id, page.Last, page.Count + 1))
        {
            robots.Add(await ViewAsync(session, robot));
        }

        return robots;
    }

    private static async ValueTask<RobotView> ViewAsync(Session session, AccountRow robot)
    {
        var owner = robot.OwnerId is { } id ? await AccountTable.FindAsync(session, id) : null;
        var grants = await GrantTable.ListOfAsync(session, robot.Id);
        var secrets = await SecretsAsync(session, robot);
        return new RobotView(
            robot.Name, owner?.Name, robot.FullName, robot.IsDisabled, robot.ExpiresAt, robot.MayMakeRobots,
            [.. grants.Select(GrantView.Of).Select(grant => new RobotGrant(grant.Names, grant.Role, grant.Actions))],
            [.. secrets.Select(s => new RobotSecret(s.Hint, s.CreatedAt, s.ExpiresAt, s.UsedAt, s.UsedFrom))],
            robot.CreatedAt, robot.CreatedBy, robot.Version);
    }

    private static ValueTask<List<TokenRow>> SecretsAsync(Session session, AccountRow robot) =>
        TokenTable.ListAsync(session, robot.Id, TokenKinds.Robot, after: 0, MaxSecrets + 1);

    /// <returns>The secret.</returns>
    private static async ValueTask<string> AddSecretAsync(
        Session session, AccountRow robot, string by, DateTimeOffset now)
    {
        var token = FreshToken.Make(TokenKinds.Robot, robot.Id, robot.Name, by, now);
        await token.AddAsync(session);
        return token.Secret.Text;
    }

    private static ApiError NotFound() => ApiError.NotFound("such robot");

    private static ApiError StaffOnly() => ApiError.Denied("robots of the registry are for administrators");
}
