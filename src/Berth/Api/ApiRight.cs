using Berth.Access;

namespace Berth.Api;

/// <summary>What a caller must be to use a route. Each route names one; <see cref="ApiGate"/> checks it.</summary>
internal enum ApiRight
{
    /// <summary>Anybody: what is answered is the same for all, and known from the program itself.</summary>
    Everyone,

    /// <summary>Anybody, with what they may see: public repositories are for everyone.</summary>
    Visible,

    /// <summary>Signed in, whatever the token is limited to.</summary>
    SignedIn,

    /// <summary>A user with credentials that are not limited, who asks about themselves.</summary>
    Self,

    /// <summary>
    /// The same in a browser that has just signed in, or with the password: for changes to how an account signs in.
    /// A token that was stolen must not be able to change it.
    /// </summary>
    Recent,

    /// <summary>A user or a robot with credentials that are not limited. What is asked for decides.</summary>
    Account,

    /// <summary>An auditor or an administrator.</summary>
    Staff,

    /// <summary>An administrator.</summary>
    Administrator,

    /// <summary>A member of the organization in the path, or staff.</summary>
    Member,

    /// <summary>An owner of the organization in the path, or an administrator.</summary>
    Owner,

    /// <summary>Whoever may list repositories.</summary>
    Catalog,

    /// <summary>Whoever may pull from the repository in the path, or in the query.</summary>
    Pull,

    /// <summary>Whoever may push to it.</summary>
    Push,

    /// <summary>Whoever may delete from it.</summary>
    Delete,

    /// <summary>Whoever may change what the repository in the path shows, and to whom.</summary>
    Manage,
}

/// <summary>The right that a route requires, in its metadata.</summary>
internal sealed record RequiredRight(ApiRight Right)
{
    /// <summary>The action that is asked for in a repository; null if the right is about accounts.</summary>
    public AccessAction? Action => Right switch
    {
        ApiRight.Catalog => AccessAction.Catalog,
        ApiRight.Pull => AccessAction.Pull,
        ApiRight.Push => AccessAction.Push,
        ApiRight.Delete => AccessAction.Delete,
        ApiRight.Manage => AccessAction.Manage,
        _ => null,
    };

    /// <summary>For people, in the API's description.</summary>
    public string Words => Right switch
    {
        ApiRight.Everyone => "Open to everyone.",
        ApiRight.Visible => "Requires: nothing. Answers the repositories that the caller may pull from.",
        ApiRight.SignedIn => "Requires: signing in.",
        ApiRight.Self => "Requires: a user's own account, with a password or a token that is not limited.",
        ApiRight.Recent => "Requires: a user's own account, in a browser that has just signed in, or with the "
            + "password.",
        ApiRight.Account => "Requires: an account, with a password or a token that is not limited, and the right to "
            + "what is asked for.",
        ApiRight.Staff => "Requires: an auditor or an administrator.",
        ApiRight.Administrator => "Requires: an administrator.",
        ApiRight.Member => "Requires: a member of the organization, an auditor or an administrator.",
        ApiRight.Owner => "Requires: an owner of the organization or an administrator.",
        ApiRight.Catalog => "Requires: the right to list repositories. Answers those that the caller may pull from.",
        ApiRight.Pull => "Requires: the right to pull from the repository.",
        ApiRight.Push => "Requires: the right to push to the repository.",
        ApiRight.Delete => "Requires: the right to delete from the repository.",
        _ => "Requires: the right to manage the repository.",
    };
}
