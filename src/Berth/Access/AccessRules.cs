using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Access;

/// <summary>The decision on a request.</summary>
internal enum AccessAnswer
{
    Allowed,

    /// <summary>Not with these credentials, or without any; others may work. 401 with a challenge.</summary>
    SignIn,

    /// <summary>Not by this caller. 403.</summary>
    Denied,

    /// <summary>The caller must not even learn that it exists. 404.</summary>
    Hidden,
}

/// <summary>
/// Decides what a caller may do. An account may do what its grants, its memberships and the settings' rules say;
/// everyone may pull from public repositories, unless <c>auth.anonymous</c> says otherwise; users of the htpasswd file
/// may do everything, as in distribution, unless the settings have rules. Without an auth section, which on other
/// addresses than loopback means local users, everyone may do everything.
/// </summary>
internal sealed class AccessRules(
    AuthSettings? settings, SettingsRules rules, KnownRights known, TimeProvider clock)
{
    /// <summary>Why everyone may do something.</summary>
    public const string OpenToAll = "everyone may (auth.anonymous)";

    private const AccessAction Reading = AccessAction.Pull | AccessAction.Catalog;

    private readonly AnonymousAccess anonymous = settings?.AnonymousOrDefault ?? AnonymousAccess.Full;
    private readonly bool hasUsers = settings?.HasUsers == true;

    /// <summary>May this caller do this?</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="action">What for: one of them.</param>
    /// <param name="repository">Where; null if it concerns no repository.</param>
    /// <param name="cancellation">The answer may come from the database.</param>
    /// <exception cref="DatabaseUnavailableException">The caller's rights are not remembered, and can't be read.
    /// </exception>
    public async ValueTask<AccessAnswer> AskAsync(
        Caller caller, AccessAction action, RepositoryName? repository, CancellationToken cancellation)
    {
        // What is allowed without credentials is allowed with any: clients send what they have.
        if (IsOpen(action)) return AccessAnswer.Allowed;
        if (caller.Kind == CallerKind.Anonymous)
        {
            var isAllowed = repository is { } place && await MayEveryoneAsync(caller, action, place, cancellation);
            if (isAllowed) return AccessAnswer.Allowed;
            return hasUsers ? AccessAnswer.SignIn : AccessAnswer.Denied;
        }

        var rights = await RightsOfAsync(caller, cancellation);
        if (!rights.AreValid)
        {
            var isForAll = repository is { } any && await MayEveryoneAsync(Caller.Anonymous, action, any, cancellation);
            return isForAll ? AccessAnswer.Allowed : AccessAnswer.SignIn;
        }

        if (action == AccessAction.SignIn) return AccessAnswer.Allowed;
        if (action == AccessAction.Catalog || repository is not { } name)
        {
            return IsCovered(caller, action, null) ? AccessAnswer.Allowed : AccessAnswer.SignIn;
        }

        // Whoever comes from another token server may have more rights there than this token says.
        var isGranted = caller.Kind == CallerKind.Token || Find(caller, rights, action, name.Text) is not null;
        var isWithinLimits = IsWithinLimits(caller, action, name.Text);
        var isCovered = IsCovered(caller, action, name.Text);
        if (isGranted && isWithinLimits && isCovered) return AccessAnswer.Allowed;
        if (await MayEveryoneAsync(Caller.Anonymous, action, name, cancellation)) return AccessAnswer.Allowed;
        isGranted = isGranted || await MayEveryoneAsync(caller, action, name, cancellation);
        if (!isGranted || !isWithinLimits)
            return action == AccessAction.Pull ? AccessAnswer.Hidden : AccessAnswer.Denied;
        return isCovered ? AccessAnswer.Allowed : AccessAnswer.SignIn;
    }

    /// <summary>What a caller may do, as far as it does not depend on the repository.</summary>
    /// <exception cref="DatabaseUnavailableException">It is not remembered, and can't be read.</exception>
    public async ValueTask<CallerRights> RightsOfAsync(Caller caller, CancellationToken cancellation)
    {
        if (caller.Id is not { } id)
        {
            return new CallerRights(true, null, caller.OwnGrants ?? [], IsUnrestricted(caller));
        }

        var account = await known.FindAsync(id, cancellation);
        if (account is null || !account.IsActive(clock.GetUtcNow())) return CallerRights.Over;
        if (caller.SecretId is { } secret
            && (await known.FindTokenAsync(secret, cancellation) is not { } token
                || token.IsOver(clock.GetUtcNow() - caller.Patience)))
        {
            return CallerRights.Over;
        }

        return new CallerRights(true, account, account.Grants, account.Role == RegistryRole.Administrator);
    }

    /// <summary>The repositories that a caller may pull from; null for all of them.</summary>
    public async ValueTask<VisibleNames?> VisibleAsync(Caller caller, CancellationToken cancellation)
    {
        if (IsOpen(AccessAction.Pull)) return null;
        if (caller.Kind == CallerKind.Token && IsCovered(caller, AccessAction.Catalog, null)) return null;
        var rights = await RightsOfAsync(caller, cancellation);
        var limits = caller.Limits;
        var isAll = rights.MayEverything || rights.Account?.Role == RegistryRole.Auditor;
        if (isAll && limits is null) return null;
        var grants = isAll
            ? [new Grant(NamePattern.All, Reading, "")]
            : rights.Grants.Concat(rules.For(caller, rights.Groups))
                .Where(grant => (grant.Actions & AccessAction.Pull) != 0).ToList();
        return new VisibleNames(
            [.. grants.Select(grant => grant.Names).Distinct()], WithPublic: MayReadPublic(caller),
            name => limits is null || IsWithin(limits, AccessAction.Pull, name));
    }

    /// <summary>Why a caller may do this: the grant, or null if they may not.</summary>
    public async ValueTask<string?> ExplainAsync(
        Caller caller, AccessAction action, RepositoryName repository, CancellationToken cancellation)
    {
        if (IsOpen(action)) return OpenToAll;
        var rights = await RightsOfAsync(caller, cancellation);

        // Whom nothing is granted is let in to what is open to all, as anybody is.
        if (!rights.AreValid || !IsWithinLimits(caller, action, repository.Text)) caller = Caller.Anonymous;
        else if (Find(caller, rights, action, repository.Text) is { } grant) return grant.Through;
        return await MayEveryoneAsync(caller, action, repository, cancellation) ? "the repository is public" : null;
    }

    private Grant? Find(Caller caller, CallerRights rights, AccessAction action, string repository)
    {
        if (rights.MayEverything) return rights.Account is null ? Grants.OfFile : Grants.OfAdministrator;
        if (rights.Account?.Role == RegistryRole.Auditor && action == AccessAction.Pull) return Grants.OfAuditor;
        foreach (var grant in rights.Grants)
        {
            if (grant.Covers(action, repository)) return grant;
        }

        return rules.Find(caller, rights.Groups, action, repository);
    }

    /// <summary>
    /// Clients send credentials only after a challenge on /v2/, so if there are users it asks for them.
    /// </summary>
    private bool IsOpen(AccessAction action) => anonymous switch
    {
        AnonymousAccess.Full => true,
        AnonymousAccess.Pull =>
            action is AccessAction.Pull or AccessAction.Catalog || (action == AccessAction.SignIn && !hasUsers),
        _ => false,
    };

    private async ValueTask<bool> MayEveryoneAsync(
        Caller caller, AccessAction action, RepositoryName name, CancellationToken cancellation)
    {
        if (rules.Find(Caller.Anonymous, [], action, name.Text) is not null) return true;
        return action == AccessAction.Pull && MayReadPublic(caller)
            && await known.IsPublicAsync(name.Text, cancellation);
    }

    private bool MayReadPublic(Caller caller) =>
        anonymous >= AnonymousAccess.Public || caller.Kind != CallerKind.Anonymous;

    /// <summary>Users of a file may do everything, unless there are rules that say who may do what.</summary>
    private bool IsUnrestricted(Caller caller) =>
        caller is { Kind: CallerKind.User, OwnGrants: null } && !rules.AreAny;

    private static bool IsWithinLimits(Caller caller, AccessAction action, string repository) =>
        caller.Limits is not { } limits || IsWithin(limits, action, repository);

    private static bool IsWithin(IReadOnlyList<Grant> limits, AccessAction action, string repository)
    {
        foreach (var limit in limits)
        {
            if (limit.Covers(action, repository)) return true;
        }

        return false;
    }

    private static bool IsCovered(Caller caller, AccessAction action, string? repository)
    {
        if (caller.Scopes is not { } scopes) return true;
        foreach (var scope in scopes)
        {
            if (scope.Covers(action, repository)) return true;
        }

        return false;
    }

    private static class Grants
    {
        public static readonly Grant OfFile = Everywhere("users of the htpasswd file may do everything");
        public static readonly Grant OfAdministrator = Everywhere("administrators may do everything");
        public static readonly Grant OfAuditor = Everywhere("auditors may read everything");

        private static Grant Everywhere(string through) => new(NamePattern.All, AccessAction.SignIn, through);
    }
}

/// <summary>What a caller may do, as far as it does not depend on the repository.</summary>
/// <param name="AreValid">False if the account or the secret is gone, disabled or over.</param>
/// <param name="Account">The account's; null for callers without one.</param>
/// <param name="Grants">What they may do in repositories.</param>
/// <param name="MayEverything">Whether they may do everything in all of them.</param>
internal sealed record CallerRights(bool AreValid, Rights? Account, IReadOnlyList<Grant> Grants, bool MayEverything)
{
    public static CallerRights Over { get; } = new(false, null, [], false);

    public IReadOnlyList<string> Groups => Account?.Groups ?? [];
}

/// <summary>Which repositories a caller may pull from.</summary>
/// <param name="Patterns">Those with names that one of these matches.</param>
/// <param name="WithPublic">Whether public ones are among them.</param>
/// <param name="IsWithinLimits">What the caller's credentials allow at most.</param>
internal sealed record VisibleNames(
    IReadOnlyList<NamePattern> Patterns, bool WithPublic, Func<string, bool> IsWithinLimits);
