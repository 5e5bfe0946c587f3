using System.Text;

namespace Berth.Identity;

/// <summary>An entry of a directory, with those of its attributes that were asked for.</summary>
internal sealed class LdapEntry(string dn, IReadOnlyList<(string Attribute, byte[] Value)> values)
{
    private const string ObjectGuid = "objectGUID";
    private const string EntryUuid = "entryUUID";

    /// <summary>The attributes that <see cref="Subject"/> needs.</summary>
    public static IReadOnlyList<string> SubjectAttributes { get; } = [ObjectGuid, EntryUuid];

    /// <summary>As the server writes it.</summary>
    public string Dn => dn;

    /// <summary>What stays the same when the entry is renamed or moved, if the directory has such a thing.</summary>
    public string Subject
    {
        get
        {
            // Active Directory's, in the byte order that Windows shows it in.
            if (Values(ObjectGuid).FirstOrDefault() is { Length: 16 } guid) return new Guid(guid).ToString();
            return Text(EntryUuid) is { Length: > 0 } uuid ? uuid.ToLowerInvariant() : dn.ToLowerInvariant();
        }
    }

    /// <summary>The first value of an attribute, or null.</summary>
    public string? Text(string attribute) => Texts(attribute).FirstOrDefault();

    public IEnumerable<string> Texts(string attribute) => Values(attribute).Select(Encoding.UTF8.GetString);

    /// <summary>
    /// Options after a <c>;</c> don't count: Active Directory sends the first part of a long list as
    /// <c>memberOf;range=0-1499</c>.
    /// </summary>
    private IEnumerable<byte[]> Values(string attribute) =>
        from one in values
        where one.Attribute.Split(';')[0].Equals(attribute, StringComparison.OrdinalIgnoreCase)
        select one.Value;
}
