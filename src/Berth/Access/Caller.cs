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

/// <summary>Who a request comes from. Determined once per request; many requests may share one object.</summary>
/// <param name="Id">The row in the account table; null for callers without one, such as those from a file.</param>
/// <param name="Kind">What they are.</param>
/// <param name="Name">Their name, for logs and for columns that record who did something.</param>
/// <param name="Method">How they signed in.</param>
/// <param name="Scopes">What the credentials are limited to; null if they allow all that the caller may do.</param>
internal sealed record Caller(
    long? Id, CallerKind Kind, string Name, SignInMethod Method, IReadOnlyList<AccessScope>? Scopes = null)
{
    public static Caller Anonymous { get; } = new(null, CallerKind.Anonymous, "anonymous", SignInMethod.None);

    /// <summary>A caller who got a token without signing in.</summary>
    public static Caller AnonymousWithToken { get; } = Anonymous with { Method = SignInMethod.Token };

    public static Caller WithPassword(string name) => new(null, CallerKind.User, name, SignInMethod.Password);
}
