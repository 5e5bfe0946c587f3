namespace Berth.Settings;

/// <summary>A key that can be set, as listed in the tables of the settings' records.</summary>
/// <param name="Path">As in <c>http.addr</c>; <c>[]</c> stands for the entries of a list of sections.</param>
/// <param name="IsSection">Whether it only holds other keys.</param>
/// <param name="Default">The value when neither the file nor the environment sets it.</param>
internal sealed record SettingsKey(string Path, bool IsSection, object? Default)
{
    public const string VariablePrefix = "REGISTRY_";

    /// <summary>Every key, in the order of the tables.</summary>
    public static IReadOnlyList<SettingsKey> All { get; } = [.. KeysUnder(RegistrySettings.Keys, null, "")];

    // Words for the same that are too far from the key for a typo, or nearer to another key.
    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.Ordinal)
    {
        ["address"] = "http.addr",
        ["adress"] = "http.addr",
        ["bind"] = "http.addr",
        ["listen"] = "http.addr",
        ["port"] = "http.addr",
        ["root"] = "storage.filesystem.rootdirectory",
        ["users"] = "auth.htpasswd.path",
    };

    public string Variable => VariableFor(Path);

    public static string VariableFor(string path) =>
        VariablePrefix + path.Replace("[]", ".0", StringComparison.Ordinal).Replace('.', '_').ToUpperInvariant();

    public static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    /// <summary>The key a user may have meant, or null when none is near.</summary>
    public static string? Nearest(string path)
    {
        path = path.ToLowerInvariant();
        if (OtherNames.TryGetValue(LastName(path), out var meant)) return meant;
        var best = All
            .Select(key => (key.Path, Distance: Math.Min(Distance(path, key.Path), Misplaced(path, key))))
            .MinBy(candidate => candidate.Distance);
        return best.Distance <= Math.Max(2, best.Path.Length / 5) ? best.Path : null;
    }

    // A key with the right name in the wrong section counts as two typos.
    private static int Misplaced(string path, SettingsKey key) =>
        !key.IsSection && LastName(path) == LastName(key.Path) ? 2 : int.MaxValue;

    private static string LastName(string path) => path[(path.LastIndexOf('.') + 1)..];

    private static IEnumerable<SettingsKey> KeysUnder(SectionType section, object? record, string path)
    {
        foreach (var (name, type, value) in section.Read(record))
        {
            var key = Join(path, name);
            yield return new SettingsKey(key, type is SectionType, value);
            var inner = type switch
            {
                SectionType keys => KeysUnder(keys, value, key),
                IListType { Item: SectionType keys } => KeysUnder(keys, null, key + "[]"),
                _ => [],
            };
            foreach (var innerKey in inner) yield return innerKey;
        }
    }

    /// <summary>How many letters to add, drop, change or swap with their neighbour.</summary>
    public static int Distance(string a, string b)
    {
        var (before, last, row) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++) last[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }

            (before, last, row) = (last, row, before);
        }

        return last[b.Length];
    }
}
