using System.Reflection;
using Berth.Settings;

namespace Berth.Tests.Settings;

/// <summary>That the tables of the settings' records are whole: a row is all that a new property needs.</summary>
public sealed class SettingsTableTests
{
    public static TheoryData<string> Records =>
        [.. typeof(RegistrySettings).Assembly.GetTypes().Where(t => TableOf(t) is not null).Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Records))]
    public void Each_property_of_the_settings_can_be_set_by_its_name(string record)
    {
        var type = typeof(RegistrySettings).Assembly.GetType($"Berth.Settings.{record}")!;
        var properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance);
        var rows = TableOf(type)!.Read(null).ToDictionary(row => row.Name, row => row.Type);
        Assert.Equal(properties.Select(p => p.Name.ToLowerInvariant()).Order(), rows.Keys.Order());
        var defaults = Activator.CreateInstance(type)!;
        foreach (var property in properties)
            AssertSets(type, defaults, property, rows[property.Name.ToLowerInvariant()]);
    }

    private static void AssertSets(Type record, object defaults, PropertyInfo property, SettingsType type)
    {
        if (Other(property, property.GetValue(defaults), type) is not { } node) return;
        var section = new MappingNode(default);
        section.Entries[property.Name] = node;
        var faults = new List<SettingsFault>();
        var bound = TableOf(record)!.Bind(section, "", new SettingsBinder(faults));
        Assert.Empty(faults);
        foreach (var each in record.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var isSame = Equals(Written(each.GetValue(defaults)), Written(each.GetValue(bound)));
            Assert.True(isSame != (each == property), $"{record.Name}.{each.Name} after {property.Name} was set");
        }
    }

    /// <summary>A value that is not the default; null for lists and sections.</summary>
    private static ScalarNode? Other(PropertyInfo property, object? value, SettingsType type)
    {
        if (type is not SingleType) return null;
        return new ScalarNode(default, value switch
        {
            true => "false",
            bool => "true",
            int number => $"{number + 1}",
            long bytes => $"{bytes + 1}",
            TimeSpan duration => SettingsText.Write(duration + TimeSpan.FromSeconds(1)),
            Enum word => Enum.GetNames(word.GetType()).First(name => name != word.ToString()),
            null when Nullable.GetUnderlyingType(property.PropertyType) is { IsEnum: true } words =>
                Enum.GetNames(words)[0],
            _ => "true",
        });
    }

    private static object? Written(object? value) =>
        value is string or null || value.GetType().IsValueType ? value : "a section or a list";

    private static SectionType? TableOf(Type type) =>
        type.GetProperty("Keys", BindingFlags.NonPublic | BindingFlags.Static)?.GetValue(null) as SectionType;
}
