using System.Text;

namespace Berth.Packages;

/// <summary>The fields of one paragraph of a list of packages that are looked for; the last one of a name counts.
/// </summary>
/// <param name="comparison">Whether names that differ in their letters' case are one.</param>
/// <param name="names">Which fields.</param>
internal sealed class PackageFields(StringComparison comparison, params string[] names)
{
    /// <summary>Longer values are not what the field is for.</summary>
    public const int MaxChars = 256;

    private readonly string?[] values = new string?[names.Length];

    /// <summary>Null if it is absent, empty or too long.</summary>
    public string? this[string name] => Taken(values[Array.IndexOf(names, name)]);

    /// <summary>Keeps a field, if it is one that is looked for.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value, with spaces around it.</param>
    public void Add(ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        for (var i = 0; i < names.Length; i++)
        {
            if (name.Equals(names[i], comparison)) values[i] = value.Trim().ToString();
        }
    }

    /// <summary>Keeps a line <c>Name: value</c>, unless it goes on with the one before.</summary>
    public void AddLine(string line)
    {
        if (line.IndexOf(':') is > 0 and var colon && !char.IsWhiteSpace(line[0]))
            Add(line.AsSpan(0, colon), line.AsSpan(colon + 1));
    }

    public void Clear() => Array.Clear(values);

    /// <summary>Null if the name or the version is missing.</summary>
    public Package? PackageOf(string type, string name, string version) => Make(type, this[name], this[version]);

    /// <summary>Null if the name or the version is missing, or no such thing.</summary>
    public static Package? Make(string type, string? name, string? version) =>
        Taken(name) is { } named && Taken(version) is { } of ? new Package(type, named, of) : null;

    /// <summary>A text that has the length of what it should be; otherwise null.</summary>
    public static string? Taken(string? value) => value is { Length: > 0 and <= MaxChars } ? value : null;

    /// <summary>The lines of a file.</summary>
    public static IEnumerable<string> LinesOf(Stream content)
    {
        using var reader = new StreamReader(content, Encoding.UTF8, leaveOpen: true);
        while (reader.ReadLine() is { } line) yield return line;
    }
}
