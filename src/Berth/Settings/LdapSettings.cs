namespace Berth.Settings;

/// <summary>
/// Users of a directory that speaks LDAP (RFC 4511), such as OpenLDAP or Active Directory. A user is searched for with
/// Berth's own account, and the password is right if the directory lets the entry that was found bind with it.
/// </summary>
public sealed record LdapSettings
{
    /// <summary>What accounts of the directory have as their source.</summary>
    internal const string Source = "ldap";

    /// <summary>
    /// URLs such as <c>ldaps://ldap.example.com</c>. The first that answers is asked. Required.
    /// </summary>
    public IReadOnlyList<string> Servers { get; init; } = [];

    /// <summary>Turn on TLS on an <c>ldap://</c> connection before anything else is sent.</summary>
    public bool StartTls { get; init; }

    /// <summary>PEM file of the CAs that the servers' certificates are verified against. Null: the system's.</summary>
    public string? Ca { get; init; }

    /// <summary>The name that Berth searches under. Null: it searches anonymously.</summary>
    public string? BindDn { get; init; }

    public string? BindPassword { get; init; }

    /// <summary>File with the password, instead of <see cref="BindPassword"/>; read for each sign-in.</summary>
    public string? BindPasswordFile { get; init; }

    /// <summary>The entry under which users are searched for. Required.</summary>
    public string UserBase { get; init; } = "";

    /// <summary>
    /// Finds the entry of the user who signs in (RFC 4515); <c>{user}</c> is the name that was typed. Default: the
    /// attribute for login names of RFC 4519.
    /// </summary>
    public string UserFilter { get; init; } = "(uid={user})";

    /// <summary>The attribute with the user's name. Default: the one of <see cref="UserFilter"/>.</summary>
    public string NameAttribute { get; init; } = "uid";

    /// <summary>The attribute with the e-mail address. Default: that of RFC 4524.</summary>
    public string EmailAttribute { get; init; } = "mail";

    /// <summary>The attribute with the display name. Default: what each person has by RFC 4519.</summary>
    public string DisplayNameAttribute { get; init; } = "cn";

    /// <summary>The attribute that lists the groups of a user, such as <c>memberOf</c>. Null: there is none.</summary>
    public string? GroupAttribute { get; init; }

    /// <summary>The entry under which groups are searched for. Null: none are.</summary>
    public string? GroupBase { get; init; }

    /// <summary>
    /// Finds the groups of a user; <c>{dn}</c> is the user's entry, <c>{user}</c> the user's name. Default: for
    /// <c>groupOfNames</c> of RFC 4519 and for Active Directory.
    /// </summary>
    public string GroupFilter { get; init; } = "(member={dn})";

    /// <summary>The attribute with a group's name; <c>dn</c> is the whole DN. Default: that of RFC 4519.</summary>
    public string GroupNameAttribute { get; init; } = "cn";

    /// <summary>
    /// How many levels of groups that hold a user's groups are followed. Default: none, each costs a search.
    /// </summary>
    public int NestedGroups { get; init; }

    /// <summary>The most groups of a user. Default: about what Windows allows in an access token, 1,015.</summary>
    public int MaxGroups { get; init; } = 1000;

    /// <summary>The group, by name, in which a user must be to sign in. Null: none.</summary>
    public string? RequiredGroup { get; init; }

    /// <summary>Groups in one page of an answer. Default: half of what Active Directory allows.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>
    /// How long one server may take for a whole sign-in, connecting included. Default: as for a statement in
    /// PostgreSQL.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a server that failed is only asked if no other answers. Default: Berth's own.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Sign-ins in progress at once, each with a connection. Default: at some 10 ms each, hundreds a second.
    /// </summary>
    public int Connections { get; init; } = 8;

    /// <summary>The most sign-ins that wait for a connection. Default: as for checks of bcrypt.</summary>
    public int Waiting { get; init; } = 100;

    /// <summary>
    /// How long an answer of the directory is remembered. Default: as long as the tokens that clients get for a
    /// password.
    /// </summary>
    public TimeSpan RememberFor { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Without the password.</summary>
    public override string ToString() => string.Join(' ', Servers);

    internal static SettingsTable<LdapSettings> Keys { get; } = new SettingsTable<LdapSettings>()
        .Texts("servers", s => s.Servers, (s, v) => s with { Servers = v })
        .Switch("starttls", s => s.StartTls, (s, v) => s with { StartTls = v })
        .Text("ca", s => s.Ca, (s, v) => s with { Ca = v })
        .Text("binddn", s => s.BindDn, (s, v) => s with { BindDn = v })
        .Text("bindpassword", s => s.BindPassword, (s, v) => s with { BindPassword = v })
        .Text("bindpasswordfile", s => s.BindPasswordFile, (s, v) => s with { BindPasswordFile = v })
        .Text("userbase", s => s.UserBase, (s, v) => s with { UserBase = v })
        .Text("userfilter", s => s.UserFilter, (s, v) => s with { UserFilter = v })
        .Text("nameattribute", s => s.NameAttribute, (s, v) => s with { NameAttribute = v })
        .Text("emailattribute", s => s.EmailAttribute, (s, v) => s with { EmailAttribute = v })
        .Text("displaynameattribute", s => s.DisplayNameAttribute, (s, v) => s with { DisplayNameAttribute = v })
        .Text("groupattribute", s => s.GroupAttribute, (s, v) => s with { GroupAttribute = v })
        .Text("groupbase", s => s.GroupBase, (s, v) => s with { GroupBase = v })
        .Text("groupfilter", s => s.GroupFilter, (s, v) => s with { GroupFilter = v })
        .Text("groupnameattribute", s => s.GroupNameAttribute, (s, v) => s with { GroupNameAttribute = v })
        .Number("nestedgroups", s => s.NestedGroups, (s, v) => s with { NestedGroups = v }, 0, 20)
        .Number("maxgroups", s => s.MaxGroups, (s, v) => s with { MaxGroups = v }, 1, 100_000)
        .Text("requiredgroup", s => s.RequiredGroup, (s, v) => s with { RequiredGroup = v })
        .Number("pagesize", s => s.PageSize, (s, v) => s with { PageSize = v }, 1, 10_000)
        .Duration("timeout", s => s.Timeout,
            (s, v) => s with { Timeout = v }, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5))
        .Duration("retryafter", s => s.RetryAfter,
            (s, v) => s with { RetryAfter = v }, TimeSpan.Zero, SettingsBounds.LongestWait)
        .Number("connections", s => s.Connections, (s, v) => s with { Connections = v }, 1, 1000)
        .Number("waiting", s => s.Waiting, (s, v) => s with { Waiting = v }, 1, 1_000_000)
        .Duration("rememberfor", s => s.RememberFor,
            (s, v) => s with { RememberFor = v }, TimeSpan.Zero, TimeSpan.FromHours(24));
}
