namespace Berth.Access;

/// <summary>What a caller is.</summary>
internal enum CallerKind
{
    Anonymous,
    User,
}

/// <summary>How a caller proved who they are.</summary>
internal enum SignInMethod
{
    None,
    Password,
    Token,
}

/// <summary>Who a request comes from. Found once per request, and the same object for many requests.</summary>
/// <param name="Id">The row in the table of accounts; null for callers without one, such as those of a file.</param>
/// <param name="Kind">What they are.</param>
/// <param name="Name">Their name, for logs and for columns that say who did something.</param>
/// <param name="Method">How they signed in.</param>
/// <param name="Scopes">All that the credentials are good for; null if they are good for all the caller may do.</param>
internal sealed record Caller(
    long? Id, CallerKind Kind, string Name, SignInMethod Method, IReadOnlyList<AccessScope>? Scopes = null)
{
    public static Caller Anonymous { get; } = new(null, CallerKind.Anonymous, "anonymous", SignInMethod.None);

    /// <summary>Somebody who has asked for a token without saying who they are.</summary>
    public static Caller AnonymousWithToken { get; } = Anonymous with { Method = SignInMethod.Token };

    public static Caller WithPassword(string name) => new(null, CallerKind.User, name, SignInMethod.Password);
}
