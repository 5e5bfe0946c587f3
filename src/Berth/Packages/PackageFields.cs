namespace Berth.Packages;

/// <summary>The fields of one paragraph of a list of packages that are looked for; the last one of a name counts.
/// </summary>
/// <param name="comparison">Whether names that differ in their letters' case are one.</param>
/// <param name="names">Which fields.</param>
internal sealed class PackageFields(StringComparison comparison, params string[] names)
{
    /// <summary>Longer values are not what the field is for.</summary>
    private const int MaxChars = 256;

    private readonly string?[] values = new string?[names.Length];

    /// <summary>Null if it is absent, empty or too long.</summary>
    public string? this[string name] => values[Array.IndexOf(names, name)] is { Length: > 0 and <= MaxChars } value
        ? value : null;

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

    public void Clear() => Array.Clear(values);

    /// <summary>Null if the name or the version is missing.</summary>
    public Package? PackageOf(string type, string name, string version) =>
        this[name] is { } named && this[version] is { } of ? new Package(type, named, of) : null;
}
