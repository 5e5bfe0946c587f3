namespace Berth.Packages;

/// <summary>The fields of one paragraph of a list of packages; the last one of a name counts.</summary>
/// <param name="names">Whether names that differ in their letters' case are one.</param>
internal sealed class PackageFields(StringComparer names)
{
    /// <summary>Longer values are not what the field is for.</summary>
    private const int MaxChars = 512;

    private readonly Dictionary<string, string> fields = new(names);

    /// <summary>Null if it is absent, empty or too long.</summary>
    public string? this[string name]
    {
        get => fields.TryGetValue(name, out var value) && value.Length is > 0 and <= MaxChars ? value : null;
        set => fields[name] = value ?? "";
    }

    public void Clear() => fields.Clear();

    /// <summary>Null if the name or the version is missing.</summary>
    public Package? PackageOf(string type, string name, string version) =>
        this[name] is { } named && this[version] is { } of ? new Package(type, named, of) : null;
}
