using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>What a caller may decide for others: no more than they may do themselves.</summary>
/// <param name="rules">The settings' rules, which give rights too.</param>
/// <param name="database">Where namespaces are.</param>
internal sealed class Ownership(SettingsRules rules, Database database)
{
    private const AccessAction Everything =
        AccessAction.Pull | AccessAction.Push | AccessAction.Delete | AccessAction.Manage | AccessAction.Own;

    /// <summary>What a caller may do in all repositories that a pattern matches.</summary>
    public AccessAction ActionsIn(ApiCaller caller, NamePattern names)
    {
        if (caller.IsAdministrator || caller.Rights.MayEverything) return Everything;
        var actions = AccessAction.SignIn;
        foreach (var grant in caller.Rights.Grants.Concat(rules.For(caller.Caller, caller.Rights.Groups)))
        {
            if (grant.Names.Covers(names)) actions |= grant.Actions;
        }

        return actions;
    }

    /// <summary>Whether a caller decides who may do what in all repositories that a pattern matches.</summary>
    public bool Owns(ApiCaller caller, NamePattern names) => (ActionsIn(caller, names) & AccessAction.Own) != 0;

    /// <summary>The same for a namespace.</summary>
    public bool Owns(ApiCaller caller, string space) => Owns(caller, NamePattern.ForNamespace(space));

    /// <summary>
    /// Null if there is such a namespace, or none is asked for: a name that is mistyped must not look like one in which
    /// nothing is.
    /// </summary>
    public async ValueTask<ApiError?> FindFaultAsync(string? space, CancellationToken cancellation) =>
        space is null || (TryReadNamespace(space, out var name) && await database.ReadAsync(
            session => NamespaceTable.ExistsAsync(session, name), cancellation))
            ? null : ApiError.NotFound("such namespace");

    /// <summary>Whether a caller may look at a namespace, as its owner, or at all of them (null); null if so.</summary>
    public ApiError? Ask(ApiCaller caller, string? space)
    {
        if (caller.IsStaff) return null;
        if (space is null) return ApiError.Denied("name a namespace: all of them are for administrators and auditors");
        if (caller.Caller.Limits is not null)
            return ApiError.Denied("this token is limited to what it may do in repositories");
        return TryReadNamespace(space, out var owned) && Owns(caller, owned)
            ? null : ApiError.NotFound("such namespace");
    }

    /// <summary>
    /// Reads the name of a namespace. It may be longer than that of an account: whoever may push everywhere can make
    /// one that no account owns.
    /// </summary>
    /// <param name="text">What was typed; capitals do not matter.</param>
    /// <param name="name">The name in lower case.</param>
    public static bool TryReadNamespace(string? text, out string name)
    {
        name = text?.ToLowerInvariant() ?? "";
        return !name.Contains('/', StringComparison.Ordinal) && RepositoryName.TryParse(name, out _);
    }
}
