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

    /// <summary>In UTF-8: an index of the database has several of them.</summary>
    private const int MaxBytes = 512;

    /// <summary>Twice the longest path.</summary>
    private const int MaxLineChars = 8192;

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

    /// <summary>A text that has the length of what it should be, and nothing that no name has; otherwise null.
    /// </summary>
    public static string? Taken(string? value) =>
        value is { Length: > 0 and <= MaxChars } && !value.AsSpan().ContainsAnyInRange('\0', '\u001f')
        && Encoding.UTF8.GetByteCount(value) <= MaxBytes ? value : null;

    /// <summary>The lines of a file. What is longer than any that matters is cut off.</summary>
    public static IEnumerable<string> LinesOf(Stream content)
    {
        using var reader = new StreamReader(content, Encoding.UTF8, leaveOpen: true);
        var (buffer, line) = (new char[MaxLineChars], new StringBuilder());
        for (int count; (count = reader.Read(buffer, 0, buffer.Length)) > 0;)
        {
            for (var at = 0; at < count;)
            {
                var end = Array.IndexOf(buffer, '\n', at, count - at);
                var part = buffer.AsMemory(at, (end < 0 ? count : end) - at);
                line.Append(part[..Math.Min(part.Length, MaxLineChars - line.Length)]);
                at += part.Length + 1;
                if (end < 0) break;
                yield return Ended(line);
            }
        }

        if (line.Length > 0) yield return Ended(line);
    }

    private static string Ended(StringBuilder line)
    {
        if (line.Length > 0 && line[^1] == '\r') line.Length--;
        var text = line.ToString();
        line.Clear();
        return text;
    }
}
