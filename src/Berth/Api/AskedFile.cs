namespace Berth.Api;

/// <summary>A search for a file: <c>file:NAME</c>, and <c>namespace:NAME</c> if it is only there.</summary>
internal sealed record AskedFile(string Name, string? Namespace)
{
    private const string File = "file:";
    private const string Space = "namespace:";

    /// <summary>What the API answers it under, after <c>/api/v1/</c>.</summary>
    public string Path => $"search/files?name={Uri.EscapeDataString(Name)}"
        + (Namespace is null ? "" : $"&namespace={Uri.EscapeDataString(Namespace)}");

    /// <summary>Null if something else is searched.</summary>
    public static AskedFile? Parse(string query)
    {
        var pieces = AskedHolders.Split(query);
        if (pieces.FindIndex(piece => Begins(piece, File)) is not (>= 0 and var at)) return null;
        var space = pieces.Find(piece => Begins(piece, Space))?[Space.Length..].ToLowerInvariant();

        // What is beside it may belong to a name with spaces in it.
        var name = string.Join(' ', pieces.Skip(at).Where(piece => !Begins(piece, Space)))[File.Length..];
        name = name.Replace("\"", "", StringComparison.Ordinal);
        return name.Length == 0 ? null : new AskedFile(name, space is { Length: > 0 } ? space : null);
    }

    private static bool Begins(string piece, string with) =>
        piece.StartsWith(with, StringComparison.OrdinalIgnoreCase);
}
