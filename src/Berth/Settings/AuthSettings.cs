namespace Berth.Settings;

/// <summary>What a request without credentials may do.</summary>
public enum AnonymousAccess
{
    None,

    /// <summary>Pull from public repositories.</summary>
    Public,

    /// <summary>Pull everything.</summary>
    Pull,

    /// <summary>Everything, as may everyone else.</summary>
    Full,
}

/// <summary>Who may do what. At least one of its keys must be given.</summary>
public sealed record AuthSettings
{
    /// <summary>
    /// Default: <c>public</c> with local users, since no repository is public until somebody makes it so; otherwise
    /// nothing, as with distribution's htpasswd.
    /// </summary>
    public AnonymousAccess? Anonymous { get; init; }

    public HtpasswdSettings? Htpasswd { get; init; }

    public LocalSettings Local { get; init; } = new();

    public LdapSettings? Ldap { get; init; }

    /// <summary>At whose pages people sign in with their browser.</summary>
    public IReadOnlyList<OpenIdSettings> Oidc { get; init; } = [];

    /// <summary>The other directories whose users may sign in, as identities name them.</summary>
    internal IEnumerable<string> Directories =>
        [.. Ldap is null ? Array.Empty<string>() : [LdapSettings.Source], .. Oidc.Select(system => system.Source)];

    /// <summary>How long browsers stay signed in.</summary>
    public SessionSettings Sessions { get; init; } = new();

    /// <summary>Local users, and nothing public.</summary>
    internal static AuthSettings LocalUsers { get; } = new() { Local = new() { Enabled = true } };

    /// <summary>What a request without credentials may do, the default included.</summary>
    internal AnonymousAccess AnonymousOrDefault =>
        Anonymous ?? (HasAccounts ? AnonymousAccess.Public : AnonymousAccess.None);

    /// <summary>Whether there is anybody who could sign in.</summary>
    internal bool HasUsers => Htpasswd is not null || HasAccounts || Keyless is not null || Token is not null
        || ClientCertificate != CertificateName.None;

    /// <summary>Whether users have accounts in the database.</summary>
    internal bool HasAccounts => Local.Enabled || Ldap is not null || Oidc.Count > 0;

    /// <summary>
    /// How long the tokens that clients get for a password are valid. Default: the example in distribution's
    /// documentation. Clients treat anything below 60 s as 60 s.
    /// </summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a token stays good for the rest of an upload that it began: a request is judged when it starts, and an
    /// upload is many requests. Default: what 100 GiB take at 20 Mbit/s.
    /// </summary>
    public TimeSpan UploadTokenGrace { get; init; } = TimeSpan.FromHours(12);

    /// <summary>How long a client may get tokens without the password again. Default: a quarter.</summary>
    public TimeSpan RefreshTokenLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>
    /// How long personal, robot and refresh tokens are still shown after they ended, so that people see why they no
    /// longer get in. Default: Berth's own, a month.
    /// </summary>
    public TimeSpan KeepExpiredTokens { get; init; } = TimeSpan.FromDays(30);

    /// <summary>After how long a new key signs tokens. Default: a quarter.</summary>
    public TimeSpan TokenKeyAge { get; init; } = TimeSpan.FromDays(90);

    /// <summary>The issuer of tokens. Other registries that trust them name it too.</summary>
    public string Issuer { get; init; } = "berth";

    /// <summary>The audience of tokens for this registry.</summary>
    public string Service { get; init; } = "berth";

    /// <summary>The audiences of other registries that trust this one's tokens.</summary>
    public IReadOnlyList<string> OtherServices { get; init; } = [];

    public PasswordCheckSettings PasswordChecks { get; init; } = new();

    public SecondFactorSettings SecondFactor { get; init; } = new();

    /// <summary>
    /// Which existing account a user of a directory gets at the first sign-in. Default: none; whoever can choose a name
    /// or an address there would get that user's rights.
    /// </summary>
    public LinkRule Link { get; init; } = LinkRule.None;

    /// <summary>
    /// Which name in a client's certificate (<c>http.tls.clientcas</c>) is the user's. Default: none; the certificate
    /// only lets the client connect.
    /// </summary>
    public CertificateName ClientCertificate { get; init; } = CertificateName.None;

    public FailedSignInSettings FailedSignIns { get; init; } = new();

    /// <summary>Whose tokens are accepted as passwords. Null: nobody's.</summary>
    public KeylessSettings? Keyless { get; init; }

    /// <summary>Another server whose tokens say who may do what, in place of this one's. Null: none.</summary>
    public TokenIssuerSettings? Token { get; init; }

    internal static SettingsTable<AuthSettings> Keys { get; } = new SettingsTable<AuthSettings>()
        .Choice("anonymous", s => s.Anonymous, (s, v) => s with { Anonymous = v })
        .Section("htpasswd", HtpasswdSettings.Keys, s => s.Htpasswd, (s, v) => s with { Htpasswd = v })
        .Section("local", LocalSettings.Keys, s => s.Local, (s, v) => s with { Local = v })
        .Section("ldap", LdapSettings.Keys, s => s.Ldap, (s, v) => s with { Ldap = v })
        .Sections("oidc", OpenIdSettings.Keys, s => s.Oidc, (s, v) => s with { Oidc = v })
        .Section("sessions", SessionSettings.Keys, s => s.Sessions, (s, v) => s with { Sessions = v })
        .Duration("tokenlifetime", s => s.TokenLifetime,
            (s, v) => s with { TokenLifetime = v }, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24))
        .Duration("uploadtokengrace", s => s.UploadTokenGrace,
            (s, v) => s with { UploadTokenGrace = v }, TimeSpan.Zero, TimeSpan.FromDays(30))
        .Duration("refreshtokenlifetime", s => s.RefreshTokenLifetime,
            (s, v) => s with { RefreshTokenLifetime = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650))
        .Duration("keepexpiredtokens", s => s.KeepExpiredTokens,
            (s, v) => s with { KeepExpiredTokens = v }, TimeSpan.Zero, TimeSpan.FromDays(36500))
        .Duration("tokenkeyage", s => s.TokenKeyAge,
            (s, v) => s with { TokenKeyAge = v }, TimeSpan.FromHours(1), TimeSpan.FromDays(3650))
        .Text("issuer", s => s.Issuer, (s, v) => s with { Issuer = v })
        .Text("service", s => s.Service, (s, v) => s with { Service = v })
        .Texts("otherservices", s => s.OtherServices, (s, v) => s with { OtherServices = v })
        .Choice("clientcertificate", s => s.ClientCertificate, (s, v) => s with { ClientCertificate = v })
        .Choice("link", s => s.Link, (s, v) => s with { Link = v })
        .Section(
            "passwordchecks", PasswordCheckSettings.Keys, s => s.PasswordChecks,
            (s, v) => s with { PasswordChecks = v })
        .Section(
            "secondfactor", SecondFactorSettings.Keys, s => s.SecondFactor, (s, v) => s with { SecondFactor = v })
        .Section(
            "failedsignins", FailedSignInSettings.Keys, s => s.FailedSignIns,
            (s, v) => s with { FailedSignIns = v })
        .Section("keyless", KeylessSettings.Keys, s => s.Keyless, (s, v) => s with { Keyless = v })
        .Section("token", TokenIssuerSettings.Keys, s => s.Token, (s, v) => s with { Token = v });
}

/// <summary>How many different wrong passwords somebody may try before they have to wait.</summary>
public sealed record FailedSignInSettings
{
    /// <summary>In which time. Whoever tried too many waits for its end. Default: what people put up with.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>For one account from one address. Default: more than anyone mistypes.</summary>
    public int PerAccount { get; init; } = 10;

    /// <summary>For all accounts from one address. Default: an office behind one address, on a Monday.</summary>
    public int PerAddress { get; init; } = 100;

    /// <summary>
    /// For one account from all addresses: then those that have guessed wrong wait, except where its user has signed in
    /// lately. Default: as for an address.
    /// </summary>
    public int PerAccountFromAnywhere { get; init; } = 100;

    internal static SettingsTable<FailedSignInSettings> Keys { get; } = new SettingsTable<FailedSignInSettings>()
        .Duration(
            "window", s => s.Window, (s, v) => s with { Window = v }, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1))
        .Number("peraccount", s => s.PerAccount, (s, v) => s with { PerAccount = v }, 1, 1_000_000)
        .Number("peraddress", s => s.PerAddress, (s, v) => s with { PerAddress = v }, 1, 1_000_000)
        .Number(
            "peraccountfromanywhere", s => s.PerAccountFromAnywhere,
            (s, v) => s with { PerAccountFromAnywhere = v }, 1, 1_000_000);
}

/// <summary>What users sign in with besides their password: codes of an authenticator app, and passkeys.</summary>
public sealed record SecondFactorSettings
{
    /// <summary>What authenticator apps and devices call this registry. Default: the host's name.</summary>
    public string? Title { get; init; }

    /// <summary>
    /// Wrong codes after which an account has to wait. Whoever gets that far knows the password. Default: with that of
    /// the window, 480 guesses a day, of which one in 700 days is right.
    /// </summary>
    public int WrongCodes { get; init; } = 5;

    /// <summary>In which time. Default: what people put up with.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How long after a sign-in a browser may change what the account signs in with. Default: enough to find the phone.
    /// </summary>
    public TimeSpan RecentSignIn { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How long people may take for one step of a sign-in, such as finding the phone. Default: what browsers are told
    /// to wait for a passkey (Web Authentication, Level 3, section 15.1).
    /// </summary>
    public TimeSpan StepLifetime { get; init; } = TimeSpan.FromMinutes(5);

    internal static SettingsTable<SecondFactorSettings> Keys { get; } = new SettingsTable<SecondFactorSettings>()
        .Text("title", s => s.Title, (s, v) => s with { Title = v })
        .Number("wrongcodes", s => s.WrongCodes, (s, v) => s with { WrongCodes = v }, 1, 1000)
        .Duration(
            "window", s => s.Window, (s, v) => s with { Window = v }, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1))
        .Duration(
            "recentsignin", s => s.RecentSignIn,
            (s, v) => s with { RecentSignIn = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(1))
        .Duration(
            "steplifetime", s => s.StepLifetime,
            (s, v) => s with { StepLifetime = v }, TimeSpan.FromSeconds(30), TimeSpan.FromHours(1));
}

/// <summary>A name in a certificate.</summary>
public enum CertificateName
{
    None,

    /// <summary>The subject's common name.</summary>
    CommonName,

    /// <summary>The e-mail address; what follows the @ does not count.</summary>
    Email,

    /// <summary>The first DNS name.</summary>
    Dns,
}

/// <summary>Which account a user of another directory gets at the first sign-in, if it is not a new one.</summary>
public enum LinkRule
{
    None,

    /// <summary>The one with the e-mail address that the directory has verified.</summary>
    VerifiedEmail,

    /// <summary>The one with the same name: for those who trust the directory to give out names.</summary>
    Name,
}

/// <summary>How much of the machine may go into checking passwords, which bcrypt makes expensive on purpose.</summary>
public sealed record PasswordCheckSettings
{
    /// <summary>Threads that check passwords. Default: 0, one fewer than there are cores, but at least one.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// The most checks that wait. Default: a few seconds' work for one thread at bcrypt's usual cost.
    /// </summary>
    public int Waiting { get; init; } = 100;

    /// <summary>The most that wait per client address. Default: more than any client asks for at once.</summary>
    public int WaitingPerClient { get; init; } = 16;

    internal static SettingsTable<PasswordCheckSettings> Keys { get; } = new SettingsTable<PasswordCheckSettings>()
        .Number("threads", s => s.Threads, (s, v) => s with { Threads = v }, 0, 1000)
        .Number("waiting", s => s.Waiting, (s, v) => s with { Waiting = v }, 1, 1_000_000)
        .Number("waitingperclient", s => s.WaitingPerClient, (s, v) => s with { WaitingPerClient = v }, 1, 1_000_000);
}

/// <summary>Users from a file that <c>htpasswd -B</c> writes.</summary>
public sealed record HtpasswdSettings
{
    /// <summary>The realm of the Basic challenge (RFC 7617).</summary>
    public string Realm { get; init; } = "Berth";

    /// <summary>The file of <c>name:bcrypt</c> lines. Required; it must exist at startup.</summary>
    public string Path { get; init; } = "";

    internal static SettingsTable<HtpasswdSettings> Keys { get; } = new SettingsTable<HtpasswdSettings>()
        .Text("realm", s => s.Realm, (s, v) => s with { Realm = v })
        .Text("path", s => s.Path, (s, v) => s with { Path = v });
}

/// <summary>Users in the database.</summary>
public sealed record LocalSettings
{
    public bool Enabled { get; init; }

    /// <summary>The name of the administrator that the first start makes.</summary>
    public string AdminName { get; init; } = "admin";

    /// <summary>Their password. Default: none; one is generated and printed.</summary>
    public string? AdminPassword { get; init; }

    /// <summary>The file with it, as a mounted secret. Its end of line does not count.</summary>
    public string? AdminPasswordFile { get; init; }

    /// <summary>
    /// The cost of bcrypt: each step doubles the time of a check. Default: OWASP's least, some 60 ms on one core.
    /// </summary>
    public int BcryptCost { get; init; } = 10;

    /// <summary>The shortest password, in characters. Default: NIST SP 800-63B, section 3.1.1.2.</summary>
    public int MinPasswordLength { get; init; } = 8;

    /// <summary>
    /// Whether anyone who reaches the port may make an account, and push to the namespace of its name. Default: no.
    /// </summary>
    public bool OpenRegistration { get; init; }

    /// <summary>How many accounts may be made from one network in a day. Default: a class at school.</summary>
    public int RegistrationsPerNetwork { get; init; } = 30;

    /// <summary>How long the link of an invitation is good. Default: a week.</summary>
    public TimeSpan InvitationLifetime { get; init; } = TimeSpan.FromDays(7);

    internal static SettingsTable<LocalSettings> Keys { get; } = new SettingsTable<LocalSettings>()
        .Switch("enabled", s => s.Enabled, (s, v) => s with { Enabled = v })
        .Text("adminname", s => s.AdminName, (s, v) => s with { AdminName = v })
        .Text("adminpassword", s => s.AdminPassword, (s, v) => s with { AdminPassword = v })
        .Text("adminpasswordfile", s => s.AdminPasswordFile, (s, v) => s with { AdminPasswordFile = v })
        .Number("bcryptcost", s => s.BcryptCost, (s, v) => s with { BcryptCost = v }, 4, 20)
        .Number("minpasswordlength", s => s.MinPasswordLength, (s, v) => s with { MinPasswordLength = v }, 1, 72)
        .Switch("openregistration", s => s.OpenRegistration, (s, v) => s with { OpenRegistration = v })
        .Number(
            "registrationspernetwork", s => s.RegistrationsPerNetwork,
            (s, v) => s with { RegistrationsPerNetwork = v }, 1, 1_000_000)
        .Duration(
            "invitationlifetime", s => s.InvitationLifetime,
            (s, v) => s with { InvitationLifetime = v }, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365));
}

/// <summary>A rule of who may do what in which repositories.</summary>
public sealed record AccessRuleSettings
{
    /// <summary>
    /// Whom it is for: <c>user:NAME</c>, <c>group:NAME</c> of a directory, <c>users</c> for all who signed in, or
    /// <c>anyone</c>.
    /// </summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Some of <c>pull</c>, <c>push</c>, <c>delete</c>, <c>manage</c> and <c>own</c>.</summary>
    public IReadOnlyList<string> Actions { get; init; } = [];

    /// <summary>Patterns of repository names: <c>*</c> within a path component, <c>**</c> across them.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    internal static SettingsTable<AccessRuleSettings> Keys { get; } = new SettingsTable<AccessRuleSettings>()
        .Texts("allow", s => s.Allow, (s, v) => s with { Allow = v })
        .Texts("actions", s => s.Actions, (s, v) => s with { Actions = v })
        .Texts("names", s => s.Names, (s, v) => s with { Names = v });
}

/// <summary>How repositories and namespaces come to be.</summary>
public sealed record RepositorySettings
{
    /// <summary>Whether the first push makes a repository. Default: as with distribution.</summary>
    public bool CreateOnPush { get; init; } = true;

    /// <summary>
    /// Whether a user's first push to a namespace that nobody has makes it an organization of theirs. Default: no; a
    /// typing error would make one.
    /// </summary>
    public bool CreateNamespaceOnPush { get; init; }

    internal static SettingsTable<RepositorySettings> Keys { get; } = new SettingsTable<RepositorySettings>()
        .Switch("createonpush", s => s.CreateOnPush, (s, v) => s with { CreateOnPush = v })
        .Switch(
            "createnamespaceonpush", s => s.CreateNamespaceOnPush, (s, v) => s with { CreateNamespaceOnPush = v });
}
