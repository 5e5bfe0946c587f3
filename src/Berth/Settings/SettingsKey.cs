using System.Reflection;

namespace Berth.Settings;

/// <summary>A key that can be set, found by walking the settings' records.</summary>
/// <param name="Path">As in <c>http.addr</c>; <c>[]</c> stands for the entries of a list of sections.</param>
/// <param name="Type">The property's type.</param>
/// <param name="Default">The value without a file and an environment.</param>
internal sealed record SettingsKey(string Path, Type Type, object? Default)
{
    public const string VariablePrefix = "REGISTRY_";

    /// <summary>Every key, in the order of the records.</summary>
    public static IReadOnlyList<SettingsKey> All { get; } =
        [.. KeysUnder(typeof(RegistrySettings), new RegistrySettings(), "")];

    public bool IsSection => IsRecord(Type);

    public string Variable => VariableFor(Path);

    public static string VariableFor(string path) =>
        VariablePrefix + path.Replace("[]", ".0", StringComparison.Ordinal).Replace('.', '_').ToUpperInvariant();

    public static string NameOf(PropertyInfo property) => property.Name.ToLowerInvariant();

    public static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    public static bool IsRecord(Type type) =>
        type.IsClass && type != typeof(string) && type.Namespace == typeof(SettingsKey).Namespace;

    public static PropertyInfo? Property(Type record, string name) => record.GetProperty(
        name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly | BindingFlags.IgnoreCase);

    /// <summary>The type of a list's items, or null for what is no list.</summary>
    public static Type? ItemType(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
            ? type.GetGenericArguments()[0]
            : null;

    /// <summary>The type of a dictionary's values, or null for what is no dictionary.</summary>
    public static Type? ValueType(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>)
            ? type.GetGenericArguments()[1]
            : null;

    /// <summary>The key a user may have meant, or null when none is near.</summary>
    public static string? Nearest(string path)
    {
        path = path.ToLowerInvariant();
        var best = All
            .Select(key => (key.Path, Distance: Math.Min(Distance(path, key.Path), Misplaced(path, key))))
            .MinBy(candidate => candidate.Distance);
        return best.Distance <= Math.Max(2, best.Path.Length / 5) ? best.Path : null;
    }

    // A key with the right name in the wrong section is as near as two typing errors.
    private static int Misplaced(string path, SettingsKey key) =>
        !key.IsSection && LastName(path) == LastName(key.Path) ? 2 : int.MaxValue;

    private static string LastName(string path) => path[(path.LastIndexOf('.') + 1)..];

    private static IEnumerable<SettingsKey> KeysUnder(Type record, object values, string path)
    {
        foreach (var property in record.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var name = Join(path, NameOf(property));
            var type = property.PropertyType;
            var value = property.GetValue(values);
            var section = IsRecord(type) ? type : null;
            yield return new SettingsKey(name, type, value);
            if (ItemType(type) is { } item && IsRecord(item)) (section, name) = (item, name + "[]");
            if (section is null) continue;
            var inner = section == type ? value : null;
            foreach (var key in KeysUnder(section, inner ?? Activator.CreateInstance(section)!, name)) yield return key;
        }
    }

    /// <summary>How many letters to add, drop, change or swap with their neighbour.</summary>
    private static int Distance(string a, string b)
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
