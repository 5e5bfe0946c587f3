using System.Text;

namespace Berth.Api;

/// <summary>A search for images with a package, <c>package:NAME below:VERSION</c>, or with a vulnerability,
/// <c>vulnerability:NAME</c>.</summary>
/// <param name="Package">The package; empty: a vulnerability is searched.</param>
/// <param name="Vulnerability">The vulnerability; empty: a package is searched.</param>
internal sealed record AskedHolders(string Package, string Vulnerability)
{
    public string? Version { get; private init; }

    public string? Below { get; private init; }

    public string? Namespace { get; private init; }

    /// <summary>What the API answers it under, after <c>/api/v1/</c>.</summary>
    public string Path => Vulnerability.Length > 0
        ? $"search/vulnerabilities?name={Uri.EscapeDataString(Vulnerability)}{Field("namespace", Namespace)}"
        : $"search/packages?name={Uri.EscapeDataString(Package)}{Field("version", Version)}{Field("below", Below)}"
            + Field("namespace", Namespace);

    /// <summary>Null if something else is searched.</summary>
    public static AskedHolders? Parse(string query)
    {
        var pieces = Split(query);
        var asked = new AskedHolders(Find("package:") ?? "", Find("vulnerability:") ?? "")
        {
            Version = Find("version:"),
            Below = Find("below:"),
            Namespace = Find("namespace:")?.ToLowerInvariant(),
        };
        return asked.Package.Length + asked.Vulnerability.Length > 0 ? asked : null;

        string? Find(string key) =>
            pieces.Find(piece => piece.StartsWith(key, StringComparison.OrdinalIgnoreCase))?[key.Length..].Trim('"')
                is { Length: > 0 } value ? value : null;
    }

    /// <summary>The words and filters in a query; what is in quotes is one.</summary>
    public static List<string> Split(string query)
    {
        var (pieces, piece, isQuoted) = (new List<string>(), new StringBuilder(), false);
        foreach (var c in query + " ")
        {
            if (c == '"') isQuoted = !isQuoted;
            if (!char.IsWhiteSpace(c) || isQuoted)
            {
                piece.Append(c);
                continue;
            }

            if (piece.Length > 0) pieces.Add(piece.ToString());
            piece.Clear();
        }

        if (piece.Length > 0) pieces.Add(piece.ToString().Trim());
        return pieces;
    }

    private static string Field(string name, string? value) =>
        value is null ? "" : $"&{name}={Uri.EscapeDataString(value)}";
}
