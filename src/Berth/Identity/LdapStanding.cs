using System.Globalization;

namespace Berth.Identity;

/// <summary>
/// What an entry tells of its account without a password: whether it is locked, and since when the password is what it
/// is. Each kind of directory has its own attributes for that; what is absent, or what Berth's account may not read,
/// tells nothing.
/// </summary>
internal static class LdapStanding
{
    /// <summary>Active Directory's flags of an account; 2 is ACCOUNTDISABLE.</summary>
    private const string AccountControl = "userAccountControl";

    /// <summary>Of 389 Directory Server and FreeIPA: TRUE.</summary>
    private const string AccountLock = "nsAccountLock";

    /// <summary>Of the password policy of OpenLDAP and others (draft-behera-ldap-password-policy).</summary>
    private const string LockedTime = "pwdAccountLockedTime";

    /// <summary>Active Directory's: 100 ns since 1601.</summary>
    private const string LastSet = "pwdLastSet";

    /// <summary>Of the password policy, and of FreeIPA: generalized times (RFC 4517, section 3.3.13).</summary>
    private static readonly string[] ChangedTimes = ["pwdChangedTime", "krbLastPwdChange"];

    private static readonly string[] TimeFormats = ["yyyyMMddHHmmss'Z'", "yyyyMMddHHmmss.FFFFFFF'Z'"];

    /// <summary>What to ask for.</summary>
    public static IReadOnlyList<string> Attributes { get; } =
        [AccountControl, AccountLock, LockedTime, LastSet, .. ChangedTimes];

    /// <summary>Why the account may not sign in, with whatever password; null if nothing says so.</summary>
    public static string? FindFault(LdapEntry entry)
    {
        if (long.TryParse(entry.Text(AccountControl), CultureInfo.InvariantCulture, out var flags) && (flags & 2) != 0)
            return $"the account is disabled ({AccountControl})";
        if (string.Equals(entry.Text(AccountLock), "TRUE", StringComparison.OrdinalIgnoreCase))
            return $"the account is locked ({AccountLock})";
        return entry.Text(LockedTime) is { Length: > 0 } ? $"the account is locked ({LockedTime})" : null;
    }

    /// <summary>Since when the password is what it is; null if the entry does not tell.</summary>
    public static DateTimeOffset? PasswordSetAt(LdapEntry entry)
    {
        // 0 asks for a new password at the next sign-in, and -1 means never.
        if (long.TryParse(entry.Text(LastSet), CultureInfo.InvariantCulture, out var ticks) && ticks > 0)
        {
            return ticks < DateTime.MaxValue.ToFileTimeUtc()
                ? new DateTimeOffset(DateTime.FromFileTimeUtc(ticks)) : null;
        }

        DateTimeOffset? latest = null;
        foreach (var text in ChangedTimes.Select(entry.Text))
        {
            if (DateTimeOffset.TryParseExact(
                    text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
                && !(time < latest))
            {
                latest = time;
            }
        }

        return latest;
    }
}
