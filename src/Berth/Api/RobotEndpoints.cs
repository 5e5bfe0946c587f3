using System.Security.Cryptography;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary><c>/robots</c>: accounts for programs.</summary>
internal sealed class RobotEndpoints(
    Database database, AccessChanges changes, Ownership ownership, TimeProvider clock)
{
    /// <summary>Two are needed while one replaces another.</summary>
    private const int MaxSecrets = 10;

    private const int MaxGrants = 100;

    private const string NameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>As many as nobody guesses or meets by chance.</summary>
    private const int AddedNameChars = 10;

    /// <summary>The robots of a namespace or a repository, or without one those of the registry.</summary>
    public async Task<ApiAnswer<Listed<RobotView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space, string? repository)
    {
        var (caller, page) = (http.Caller(), http.Page());
        if (repository is not null) return await ListOfRepositoryAsync(http, repository, page);
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
        if (!name.IsRobot) return ApiError.Invalid($"names of robots begin with {AccountName.RobotPrefix}").At("name");
        if (Field.FindFault(("description", sent.Description)) is { } fault) return fault;
        RepositoryName? repository = null;
        if (sent.Repository is { } text && FindFault(sent, text, ref name, out repository) is { } wrong) return wrong;
        var now = clock.GetUtcNow();
        if (sent.ExpiresAt <= now) return ApiError.Invalid("expiresAt is in the past").At("expiresAt");
        if (Check(sent.Grants, out var grants) is { } invalid) return invalid;
        return await changes.RunAsync<ApiAnswer<MadeRobot>>(
            async session =>
            {
                var owner = (sent.Namespace ?? repository?.Text.Split('/')[0]) is { } space
                    ? await FindOwnerAsync(session, space) : null;
                if (Refuse(http.Caller(), sent, owner, repository, grants) is { } refusal) return refusal;
                var robot = new AccountRow(0, AccountKinds.Robot, name.Text)
                {
                    FullName = Field.Change(null, sent.Description),
                    ExpiresAt = sent.ExpiresAt?.ToUniversalTime(),
                    OwnerId = owner?.Id,
                    Repository = repository?.Text,
                    MayMakeRobots = sent.MayMakeRobots,
                    CreatedAt = now,
                    CreatedBy = http.Caller().Name,
                };
                if (await AccountTable.AddAsync(session, robot) is not { } added)
                    return ApiError.Conflict($"the name {name} is taken").At("name");
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

    /// <summary>
    /// Whether a caller may see a robot: staff, whoever manages it, whose its repository is, and itself.
    /// </summary>
    public static async ValueTask<bool> MaySeeAsync(
        Session session, Ownership ownership, ApiCaller caller, AccountRow robot) =>
        caller.IsStaff || caller.Caller.Id == robot.Id || OwnsRepository(ownership, caller, robot)
        || await ManagesAsync(session, ownership, caller, robot);

    /// <summary>
    /// Administrators, the owners of its namespace, and, if they may do all that it may by now, the robot that made it
    /// and owners of its repository: whoever manages it can make a secret of it.
    /// </summary>
    private static async ValueTask<bool> ManagesAsync(
        Session session, Ownership ownership, ApiCaller caller, AccountRow robot)
    {
        if (caller.IsAdministrator) return true;
        if (robot.OwnerId is { } id && await AccountTable.FindAsync(session, id) is { } owner
            && ownership.Owns(caller, owner.Name))
        {
            return true;
        }

        // A later robot of the same name is another one. None outlives the one that made it.
        var isMaker = MakerOf(caller) is { } maker
            && robot.CreatedBy == maker.Name && robot.OwnerId == maker.OwnerId && robot.CreatedAt >= maker.CreatedAt
            && !(maker.ExpiresAt is { } end && !(robot.ExpiresAt <= end));
        return (isMaker || OwnsRepository(ownership, caller, robot))
            && (await GrantTable.ListOfAsync(session, robot.Id)).TrueForAll(grant =>
                NamePattern.TryParse(grant.Pattern, out var names)
                && (Roles.Read(grant.Actions) & ~ownership.ActionsIn(caller, names)) == 0);
    }

    private static bool OwnsRepository(Ownership ownership, ApiCaller caller, AccountRow robot) =>
        RepositoryName.TryParse(robot.Repository, out var name)
        && ownership.Owns(caller, NamePattern.ForRepository(name));

    private async ValueTask<ApiError?> RefuseAsync(Session session, ApiCaller caller, AccountRow robot)
    {
        if (await ManagesAsync(session, ownership, caller, robot)) return null;
        return await MaySeeAsync(session, ownership, caller, robot)
            ? ApiError.Denied($"{caller.Name} does not manage {robot.Name}") : NotFound();
    }

    /// <summary>Why a caller may not make such a robot; null if they may.</summary>
    private ApiError? Refuse(
        ApiCaller caller, NewRobot sent, AccountRow? owner, RepositoryName? repository,
        List<(NamePattern Names, AccessAction Actions)> grants)
    {
        var isOwner = caller.IsAdministrator || (owner is not null && ownership.Owns(caller, owner.Name))
            || (repository is { } place && ownership.Owns(caller, NamePattern.ForRepository(place)));
        if (!isOwner)
        {
            if (MakerOf(caller) is not { } maker)
            {
                if (repository is not null) return ApiError.NotFound("such repository");
                return sent.Namespace is null ? StaffOnly() : ApiError.NotFound("such namespace");
            }

            if (owner?.Id != maker.OwnerId) return ApiError.Denied("a robot makes robots in its own namespace");
            if (sent.MayMakeRobots) return ApiError.Denied("a robot that was made by a robot makes none");
            if (maker.ExpiresAt is { } end && !(sent.ExpiresAt <= end))
                return ApiError.Denied($"a robot expires no later than the one that made it, {end:u}");
        }

        return (sent.Namespace is not null || repository is not null) && owner is null
            ? ApiError.NotFound("such namespace") : FindExcess(caller, owner, repository?.Text, grants);
    }

    /// <summary>Which of these a caller may not give to a robot; null if they may give all.</summary>
    private ApiError? FindExcess(
        ApiCaller caller, AccountRow? owner, string? repository,
        IEnumerable<(NamePattern Names, AccessAction Actions)> grants)
    {
        foreach (var (names, actions) in grants)
        {
            if (!IsWithin(repository, names)) return ApiError.Invalid($"{names} is not the repository {repository}");
            if (owner is not null && !NamePattern.ForNamespace(owner.Name).Covers(names))
                return ApiError.Invalid($"{names} is not within the namespace {owner.Name}");
            var excess = actions & ~ownership.ActionsIn(caller, names);
            if (excess != 0)
                return ApiError.Denied($"{caller.Name} may not {Roles.Write(excess)} in all of {names}");
        }

        return null;
    }

    /// <summary>Whether a robot may be given something there: one of a repository nothing elsewhere.</summary>
    public static bool IsWithin(string? repository, NamePattern names) => repository is null
        || (RepositoryName.TryParse(repository, out var name) && NamePattern.ForRepository(name).Covers(names));

    /// <summary>
    /// Reads whose robot it is to be. Owners of one repository need not know of other robots, so its name gets an end
    /// by which it meets none of them.
    /// </summary>
    private static ApiError? FindFault(
        NewRobot sent, string text, ref AccountName name, out RepositoryName? repository)
    {
        repository = null;
        if (!RepositoryName.TryParse(text, out var place)) return ApiError.Of(RegistryError.NameInvalid(text));
        if (sent.Namespace is { } space && space != place.Text.Split('/')[0])
            return ApiError.Invalid($"the repository {place} is not in the namespace {space}");
        if (sent.MayMakeRobots) return ApiError.Invalid("a robot of a repository makes no others");
        var end = RandomNumberGenerator.GetString(NameCharacters, AddedNameChars);
        if (!AccountName.TryParse($"{name}.{end}", out var longer))
            return ApiError.Invalid($"name has at most {AccountName.MaxLength - AddedNameChars - 1} characters");
        (name, repository) = (longer, place);
        return null;
    }

    private async Task<ApiAnswer<Listed<RobotView>>> ListOfRepositoryAsync(HttpContext http, string text, Page page)
    {
        var isSeen = RepositoryName.TryParse(text, out var name)
            && (http.Caller().IsStaff || ownership.Owns(http.Caller(), NamePattern.ForRepository(name)));
        if (!isSeen) return ApiError.NotFound("such repository");
        var robots = await database.ReadAsync(
            async session =>
            {
                var views = new List<RobotView>();
                var rows = await AccountTable.ListOfRepositoryAsync(session, text, page.Last, page.Count + 1);
                foreach (var row in rows) views.Add(await ViewAsync(session, row));
                return views;
            },
            http.RequestAborted);
        return http.Answer(page, robots, one => one.Name);
    }

    private static ApiError? Check(
        IReadOnlyList<RobotGrant>? sent, out List<(NamePattern Names, AccessAction Actions)> grants)
    {
        grants = [];
        if (sent?.Count > MaxGrants) return ApiError.Invalid($"a robot is made with at most {MaxGrants} grants");
        foreach (var grant in sent ?? [])
        {
            if (grant is null) return ApiError.Invalid("grants: an entry is null");
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
        if (FindExcess(caller, owner, robot.Repository, more) is { } excess) return excess;
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
            robot.Name, owner?.Name, robot.Repository, robot.FullName, robot.IsDisabled, robot.ExpiresAt,
            robot.MayMakeRobots,
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
