using Berth.Oci;
using Berth.Settings;

namespace Berth.Access;

/// <summary>The decision on a request.</summary>
internal enum AccessAnswer
{
    Allowed,

    /// <summary>Not with these credentials, or without any; others may work. 401 with a challenge.</summary>
    SignIn,

    /// <summary>Not by anybody who could sign in here. 403.</summary>
    Denied,

    /// <summary>The caller must not even learn that it exists. 404.</summary>
    Hidden,
}

/// <summary>
/// Decides what a caller may do. Users of the htpasswd file may do everything, as in distribution; others what
/// <c>auth.anonymous</c> says. Without an auth section, which the settings allow only on loopback, everyone may do
/// everything.
/// </summary>
internal sealed class AccessRules(AuthSettings? settings)
{
    private readonly AnonymousAccess anonymous = settings?.Anonymous ?? AnonymousAccess.Full;
    private readonly bool hasUsers = settings?.Htpasswd is not null;

    /// <summary>May this caller do this?</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="action">What for.</param>
    /// <param name="repository">Where; null if it concerns no repository.</param>
    /// <param name="cancellation">The answer may come from the database.</param>
    public ValueTask<AccessAnswer> AskAsync(
        Caller caller, AccessAction action, RepositoryName? repository, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return new ValueTask<AccessAnswer>(Answer(caller, action, repository));
    }

    private AccessAnswer Answer(Caller caller, AccessAction action, RepositoryName? repository)
    {
        // What is allowed without credentials is allowed with any: clients send what they have.
        if (IsOpen(action)) return AccessAnswer.Allowed;
        if (caller.Kind == CallerKind.User && IsCovered(caller, action, repository)) return AccessAnswer.Allowed;
        return hasUsers ? AccessAnswer.SignIn : AccessAnswer.Denied;
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

    private static bool IsCovered(Caller caller, AccessAction action, RepositoryName? repository)
    {
        if (caller.Scopes is not { } scopes || action == AccessAction.SignIn) return true;
        foreach (var scope in scopes)
        {
            if (scope.Covers(action, repository?.Text)) return true;
        }

        return false;
    }
}
