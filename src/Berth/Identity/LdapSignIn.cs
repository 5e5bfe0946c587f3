using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// One sign-in at one server, over one connection: Berth's account searches for the user's entry, the connection binds
/// as that entry with the password, and Berth's account searches for the groups. For a user who signed in before, there
/// is no password: the entry has to tell whether they still could.
/// </summary>
internal sealed partial class LdapSignIn(LdapSettings settings, ILogger log)
{
    private const int MaxLoggedNameChars = 128;

    private readonly LdapFilter userFilter = LdapFilter.Parse(settings.UserFilter);
    private readonly LdapGroups groups = new(settings, log);

    private readonly string[] userAttributes =
    [
        settings.NameAttribute, settings.EmailAttribute, settings.DisplayNameAttribute, .. LdapEntry.SubjectAttributes,
        .. LdapStanding.Attributes, .. settings.GroupAttribute is { } attribute ? [attribute] : Array.Empty<string>(),
    ];

    /// <exception cref="LdapException">
    /// The server can't answer; also the exceptions of <see cref="LdapConnection.OpenAsync"/>.
    /// </exception>
    public async Task<LdapAnswer> CheckAsync(
        LdapAddress server, string user, string? password, CancellationToken cancellation)
    {
        await using var connection = await LdapConnection.OpenAsync(server, settings, cancellation);
        await BindOwnAsync(connection, cancellation);
        var entries = await FindAsync(connection, user, cancellation);
        if (entries.Count == 0) return LdapAnswer.Wrong("there is no such user");
        if (entries.Count > 1)
        {
            LogSeveral(Shortened(user));
            return LdapAnswer.Wrong("auth.ldap.userfilter finds several users");
        }

        // To bind with an empty DN is to bind as nobody, for which any password may do.
        var entry = entries[0];
        if (entry.Dn.Length == 0) return LdapAnswer.Wrong("the entry that was found has no DN");
        var refusal = password is null
            ? LdapStanding.FindFault(entry) : await RefuseAsync(connection, entry, password, cancellation);
        if (refusal is not null) return LdapAnswer.Wrong(refusal);
        if (NameOf(entry, user) is not { } name)
        {
            LogNameless(entry.Dn, settings.NameAttribute);
            return LdapAnswer.Wrong($"the user's entry has no {settings.NameAttribute} (auth.ldap.nameattribute)");
        }

        IReadOnlyList<string> names = [];
        if (groups.AreKnown)
        {
            if (password is not null) await BindOwnAsync(connection, cancellation);
            names = await groups.FindAsync(connection, entry, name, cancellation);
        }

        if (settings.RequiredGroup is { } required && !names.Contains(required, StringComparer.OrdinalIgnoreCase))
            return LdapAnswer.Wrong($"the user is not in the group {required} (auth.ldap.requiredgroup)");
        return LdapAnswer.Right(new ExternalUser(
            LdapSettings.Source,
            entry.Subject,
            name,
            entry.Text(settings.DisplayNameAttribute),
            entry.Text(settings.EmailAttribute),
            // In many directories users may change it themselves.
            IsEmailVerified: false,
            names)
        {
            PasswordSetAt = LdapStanding.PasswordSetAt(entry),
        });
    }

    /// <summary>Why the directory refuses a password; null if it is right.</summary>
    private static async Task<string?> RefuseAsync(
        LdapConnection connection, LdapEntry entry, string password, CancellationToken cancellation)
    {
        var result = await connection.BindAsync(entry.Dn, password, cancellation);
        if (IsRefusal(result.Code)) return result.ToString();
        return result.Code == LdapResult.Success
            ? null : throw new LdapException($"it can't check the password: {result}");
    }

    private async Task BindOwnAsync(LdapConnection connection, CancellationToken cancellation)
    {
        if (settings.BindDn is not { Length: > 0 } dn)
        {
            await connection.BindAsync("", "", cancellation);
            return;
        }

        var password = settings.BindPassword ?? "";
        if (settings.BindPasswordFile is { } file)
            password = (await File.ReadAllTextAsync(file, cancellation)).TrimEnd('\r', '\n');
        if (password.Length == 0) throw new LdapException("there is no password for auth.ldap.binddn");
        var result = await connection.BindAsync(dn, password, cancellation);
        if (result.Code != LdapResult.Success)
            throw new LdapException($"it refuses the account of auth.ldap.binddn: {result}");
    }

    private async Task<List<LdapEntry>> FindAsync(
        LdapConnection connection, string user, CancellationToken cancellation)
    {
        var search = new LdapSearch(
            settings.UserBase, IsWholeTree: true, userFilter.With(new LdapFilterValues(user)), userAttributes,
            SizeLimit: 2, PageSize: 0);
        var (result, entries) = await connection.SearchAsync(search, most: 2, cancellation);
        if (result.Code is LdapResult.Success || (result.Code is LdapResult.SizeLimitExceeded && entries.Count > 1))
            return entries;
        throw new LdapException($"the search under auth.ldap.userbase failed: {result}");
    }

    /// <summary>
    /// Servers say so for a wrong password, an entry without one, one that was just deleted, and an account that is
    /// locked, disabled or has expired.
    /// </summary>
    private static bool IsRefusal(int code) => code is LdapResult.InvalidCredentials or LdapResult.NoSuchObject
        or LdapResult.InappropriateAuthentication or LdapResult.ConstraintViolation or LdapResult.UnwillingToPerform
        or LdapResult.InsufficientAccessRights;

    /// <summary>A user may have several names: the one that was typed, as the directory spells it.</summary>
    private string? NameOf(LdapEntry entry, string user)
    {
        var names = entry.Texts(settings.NameAttribute).Where(name => name.Length > 0).ToList();
        return names.Find(name => name.Equals(user, StringComparison.OrdinalIgnoreCase)) ?? names.FirstOrDefault();
    }

    private static string Shortened(string user) =>
        user.Length > MaxLoggedNameChars ? user[..MaxLoggedNameChars] : user;

    /// <summary>The name comes last, as in the log line of a wrong password.</summary>
    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "auth.ldap.userfilter finds several users, so none of them can sign in: user={User}")]
    private partial void LogSeveral(string user);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Dn} can't sign in: the entry has no {Attribute} (auth.ldap.nameattribute)")]
    private partial void LogNameless(string dn, string attribute);
}
