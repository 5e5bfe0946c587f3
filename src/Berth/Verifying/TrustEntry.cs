using System.Text;
using System.Text.RegularExpressions;
using Berth.Metadata;
using Berth.Signatures;

namespace Berth.Verifying;

/// <summary>Reads entries that say whose signatures count.</summary>
internal static partial class TrustEntry
{
    public const int MaxBodyChars = 256 * 1024;

    /// <summary>What an entry says.</summary>
    /// <exception cref="FormatException">It says nothing that can be used. Says why.</exception>
    public static Trust Read(TrustRow entry)
    {
        if (entry.Body.Length > MaxBodyChars)
            throw new FormatException($"it is longer than {MaxBodyChars / 1024} KiB");
        return entry.Kind switch
        {
            TrustKinds.Key => new Trust { Keys = [new TrustedKey(entry.Name, entry.Body)] },
            TrustKinds.Identity => new Trust { Identities = [ReadIdentity(entry.Body)] },
            TrustKinds.Root => new Trust { Roots = [TrustRoot.Parse(Encoding.UTF8.GetBytes(entry.Body))] },
            TrustKinds.Store => new Trust { Stores = [ReadStore(entry)] },
            TrustKinds.Policy => new Trust { Policies = NotationPolicy.ParseAll(Encoding.UTF8.GetBytes(entry.Body)) },
            _ => throw new FormatException($"{entry.Kind} is no kind of trust"),
        };
    }

    /// <summary>What is wrong with a name; null if nothing is.</summary>
    public static string? FindFaultOfName(string kind, string name)
    {
        if (kind == TrustKinds.Store)
        {
            return StoreName().IsMatch(name) ? null
                : "a trust store is called ca:NAME, signingAuthority:NAME or tsa:NAME, as policies refer to it";
        }

        return Name().IsMatch(name) ? null
            : "a name has 1 to 100 letters, digits, dots, dashes and underscores, and begins with a letter or digit";
    }

    /// <summary>Writes an identity as the table has it.</summary>
    /// <exception cref="FormatException">It would match everybody, or nobody. Says why.</exception>
    public static string WriteIdentity(string issuer, string subject)
    {
        if (issuer.AsSpan().ContainsAnyInRange('\0', '\x1f') || subject.AsSpan().ContainsAnyInRange('\0', '\x1f'))
            throw new FormatException("an issuer and a subject have no control characters");
        var identity = KeylessIdentity.Parse(issuer, subject);
        return $"{identity.Issuer}\n{identity.Subject}";
    }

    /// <summary>An identity as the table has it.</summary>
    public static KeylessIdentity ReadIdentity(string body) => body.Split('\n') is [var issuer, var subject]
        ? KeylessIdentity.Parse(issuer, subject) : throw new FormatException("it is no identity");

    private static NotationStore ReadStore(TrustRow entry)
    {
        var (type, name) = entry.Name.Split(':') is [var before, var after]
            ? (before, after) : throw new FormatException("its name has no type");
        return NotationStore.Parse(
            type switch
            {
                "ca" => NotationStoreType.Ca,
                "signingAuthority" => NotationStoreType.SigningAuthority,
                "tsa" => NotationStoreType.Tsa,
                _ => throw new FormatException($"{type} is no type of trust stores"),
            },
            name, entry.Body);
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^(ca|signingAuthority|tsa):[A-Za-z0-9_.-]{1,100}\z")]
    private static partial Regex StoreName();
}
