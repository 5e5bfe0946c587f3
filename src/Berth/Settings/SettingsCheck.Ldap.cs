using System.Security.Cryptography.X509Certificates;

namespace Berth.Settings;

/// <summary>The checks of a directory.</summary>
internal sealed partial class SettingsCheck
{
    private void CheckLdap(LdapSettings ldap)
    {
        CheckLdapServers(ldap);
        if (ldap.Ca is { } ca) CheckCa("auth.ldap.ca", ca);
        CheckBind(ldap);
        if (ldap.UserBase.Length == 0)
            Error("auth.ldap.userbase", "set this to the entry above all users, such as ou=people,dc=example,dc=com");
        if (!ldap.UserFilter.Contains("{user}", StringComparison.Ordinal))
            Error("auth.ldap.userfilter", "must hold {user}, the name that was typed, as in (uid={user})");
        else if (!ldap.UserFilter.Contains(ldap.NameAttribute, StringComparison.OrdinalIgnoreCase))
            NoticeName(ldap.NameAttribute);
        MustBeFilter("auth.ldap.userfilter", ldap.UserFilter);
        MustBeFilter("auth.ldap.groupfilter", ldap.GroupFilter);
        CheckGroups(ldap);
    }

    private void MustBeFilter(string key, string filter)
    {
        if (HasErrorIn(key)) return;
        try
        {
            LdapFilter.Parse(filter);
        }
        catch (FormatException e)
        {
            Error(key, $"'{filter}' is not an LDAP filter (RFC 4515): {e.Message}");
        }
    }

    private void NoticeName(string attribute)
    {
        if (origins.ContainsKey("auth.ldap.nameattribute")) return;
        Notice("auth.ldap.userfilter", $"users are called by their {attribute}, which is not in the filter; set "
            + "auth.ldap.nameattribute too, such as sAMAccountName in Active Directory");
    }

    private void CheckLdapServers(LdapSettings ldap)
    {
        const string Key = "auth.ldap.servers";
        if (ldap.Servers.Count == 0) Error(Key, "set this to one or more URLs, such as ldaps://ldap.example.com");
        for (var i = 0; i < ldap.Servers.Count; i++)
        {
            if (!LdapAddress.TryParse(ldap.Servers[i], out var address))
            {
                Error($"{Key}.{i}", $"'{ldap.Servers[i]}' is not a URL of scheme, host and port only; write "
                    + "ldaps://ldap.example.com, or ldap://ldap.example.com with auth.ldap.starttls");
            }
            else if (ldap.StartTls && address.IsTls)
            {
                Error($"{Key}.{i}", "ldaps:// begins with TLS; write ldap://, or remove auth.ldap.starttls");
            }
            else if (!ldap.StartTls && address is { IsTls: false, IsLoopback: false })
            {
                Notice($"{Key}.{i}", "passwords cross the network without encryption; write ldaps://, or set "
                    + "auth.ldap.starttls to true");
            }
        }
    }

    private void CheckBind(LdapSettings ldap)
    {
        const string Key = "auth.ldap.binddn";
        if (ldap.BindPassword is not null && ldap.BindPasswordFile is not null)
            Error("auth.ldap.bindpassword", "auth.ldap.bindpasswordfile is given too; remove one of them");
        var hasPassword = ldap.BindPasswordFile is not null || !string.IsNullOrEmpty(ldap.BindPassword);
        if (hasPassword && string.IsNullOrEmpty(ldap.BindDn))
            Error(Key, "a password needs the name of its account; set auth.ldap.binddn too");
        // Servers take a name without a password for an anonymous client (RFC 4513, 5.1.2).
        if (!hasPassword && !string.IsNullOrEmpty(ldap.BindDn))
            Error(Key, "an account needs its password; set auth.ldap.bindpassword or auth.ldap.bindpasswordfile too");
        MustExist("auth.ldap.bindpasswordfile", ldap.BindPasswordFile);
    }

    private void CheckGroups(LdapSettings ldap)
    {
        var hasDn = ldap.GroupFilter.Contains("{dn}", StringComparison.Ordinal);
        if (!hasDn && !ldap.GroupFilter.Contains("{user}", StringComparison.Ordinal))
            Error("auth.ldap.groupfilter", "must hold {dn}, the user's entry, or {user}, the user's name");
        if (ldap.GroupBase is not null && ldap.NestedGroups > 0 && !hasDn)
            Error("auth.ldap.nestedgroups", "needs {dn} in auth.ldap.groupfilter, where groups are put in turn");
        if (ldap.GroupBase is not null || ldap.GroupAttribute is not null) return;
        if (ldap.RequiredGroup is not null)
        {
            Error("auth.ldap.requiredgroup",
                "nobody could sign in: set auth.ldap.groupattribute or auth.ldap.groupbase, to know the groups");
        }

        foreach (var name in new[] { "groupfilter", "groupnameattribute", "nestedgroups" })
        {
            if (origins.ContainsKey("auth.ldap." + name))
                Notice("auth.ldap." + name, "has no effect without auth.ldap.groupattribute or auth.ldap.groupbase");
        }
    }
}
