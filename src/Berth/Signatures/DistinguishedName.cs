using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Berth.Signatures;

/// <summary>A part of the subject that certificates must have: <c>C=US, ST=WA, O=acme</c> (RFC 4514).</summary>
internal sealed record DistinguishedName(IReadOnlyDictionary<string, string> Attributes)
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["2.5.4.3"] = "CN",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.9"] = "STREET",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
    };

    private static readonly string[] Required = ["C", "ST", "O"];

    /// <exception cref="FormatException">It is no name, or leaves open who is meant. Says why.</exception>
    public static DistinguishedName Parse(string text)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in Split(text))
        {
            if (part.IndexOf('=') is not (> 0 and var sign)) throw new FormatException($"{part} is no attribute");
            var name = part[..sign].Trim().ToUpperInvariant();
            if (name == "S") name = "ST";
            if (!Names.ContainsValue(name)) throw new FormatException($"the attribute {name} is not supported");
            if (!attributes.TryAdd(name, part[(sign + 1)..].Trim()))
                throw new FormatException($"the attribute {name} is there twice");
        }

        return Array.Find(Required, one => attributes.GetValueOrDefault(one, "").Length == 0) is { } missing
            ? throw new FormatException($"the attribute {missing} is missing") : new DistinguishedName(attributes);
    }

    /// <summary>Whether a certificate's subject has all of these attributes.</summary>
    public bool Matches(X509Certificate2 certificate)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            // Of two values with one name, which is meant would be a guess.
            if (one.HasMultipleElements) return false;
            if (!Names.TryGetValue(one.GetSingleElementType().Value!, out var name)) continue;
            if (!found.TryAdd(name, one.GetSingleElementValue() ?? "")) return false;
        }

        return Attributes.All(one => found.GetValueOrDefault(one.Key) == one.Value);
    }

    /// <summary>At commas, but not those after a backslash.</summary>
    private static List<string> Split(string text)
    {
        var (parts, part) = (new List<string>(), new StringBuilder());
        for (var index = 0; index < text.Length; index++)
        {
            var isEscaped = text[index] == '\\' && index + 1 < text.Length;
            if (isEscaped) index++;
            if (!isEscaped && text[index] == '+') throw new FormatException("attributes with + are not supported");
            if (isEscaped || text[index] != ',')
            {
                part.Append(text[index]);
                continue;
            }

            parts.Add(part.ToString());
            part.Clear();
        }

        parts.Add(part.ToString());
        return parts;
    }
}
