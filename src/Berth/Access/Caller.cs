using Berth.Metadata;

namespace Berth.Access;

/// <summary>What a caller is.</summary>
internal enum CallerKind
{
    Anonymous,
    User,
    Robot,

    /// <summary>A job of an issuer that is trusted: it has no account, and its rights come with its token.</summary>
    Workload,

    /// <summary>Whom another token server signed in: its token says what they may do; no account is here.</summary>
    Token,
}

/// <summary>How a caller proved who they are.</summary>
internal enum SignInMethod
{
    None,
    Password,

    /// <summary>A personal or robot token in place of a password.</summary>
    Secret,

    /// <summary>A token of a trusted issuer in place of a password.</summary>
    Keyless,

    /// <summary>A certificate, over TLS.</summary>
    Certificate,

    /// <summary>An access token, of this registry or of the token server that it trusts.</summary>
    Token,

    /// <summary>The cookie of a browser that is signed in.</summary>
    Session,

    /// <summary>None: a command on the database, by whoever can open it.</summary>
    Console,
}

/// <summary>Who a request comes from. Determined once per request; many requests may share one object.</summary>
/// <param name="Id">The row in the account table; null for callers without one, such as those from a file.</param>
/// <param name="Kind">What they are.</param>
/// <param name="Name">Their name, for logs and for columns that record who did something.</param>
/// <param name="Method">How they signed in.</param>
internal sealed record Caller(long? Id, CallerKind Kind, string Name, SignInMethod Method)
{
    /// <summary>What the access token is limited to; null if it is none.</summary>
    public IReadOnlyList<AccessScope>? Scopes { get; init; }

    /// <summary>What the personal token is limited to; null if it allows all that the account may do.</summary>
    public IReadOnlyList<Grant>? Limits { get; init; }

    /// <summary>The personal, robot or refresh token that they signed in with, now or for their access token.</summary>
    public long? SecretId { get; init; }

    /// <summary>How long that secret may have been over: an upload that has begun goes on.</summary>
    public TimeSpan Patience { get; init; }

    /// <summary>The version of the account whose password was checked; null if it was not the account's own.</summary>
    public long? CheckedVersion { get; init; }

    /// <summary>Whether it is a scanner that this registry asked to look into an image: it must get in, whatever rules
    /// there are about what may be pulled.</summary>
    public bool IsScanner { get; init; }

    /// <summary>All that a caller without an account may do, where it is known from the credentials.</summary>
    public IReadOnlyList<Grant>? OwnGrants { get; init; }

    /// <summary>Whether nobody knows who it is: they have a token of another server at most.</summary>
    public bool IsNameless => Kind == CallerKind.Anonymous || (Kind == CallerKind.Token && Name == Anonymous.Name);

    /// <summary>The name of whoever runs commands on the database, who has no account.</summary>
    public const string OperatorName = "operator";

    public static Caller Anonymous { get; } = new(null, CallerKind.Anonymous, "anonymous", SignInMethod.None);

    /// <summary>A caller who got a token without signing in.</summary>
    public static Caller AnonymousWithToken { get; } = Anonymous with { Method = SignInMethod.Token };

    /// <summary>A scanner that may pull from one repository, for which it gets a token.</summary>
    public static Caller Scanner(string name) =>
        new(null, CallerKind.Workload, PullNote.ScannerPrefix + name, SignInMethod.Token) { IsScanner = true };

    /// <summary>A user of a file, who has no account.</summary>
    public static Caller WithPassword(string name) => new(null, CallerKind.User, name, SignInMethod.Password);
}
