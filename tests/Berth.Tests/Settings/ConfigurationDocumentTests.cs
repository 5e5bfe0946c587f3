using System.Collections;
using System.Globalization;
using Berth.Settings;

namespace Berth.Tests.Settings;

public class ConfigurationDocumentTests
{
    [Fact]
    public void Every_key_is_in_the_reference_with_its_variable_and_default_and_nothing_else_is()
    {
        var expected = SettingsKey.All
            .Where(key => !key.IsSection)
            .Select(key => $"{key.Path} {key.Variable} {Written(key.Default)}");
        Assert.Equal(expected.Order(StringComparer.Ordinal), Rows().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_key_in_the_reference_says_what_it_means_and_where_it_comes_from()
    {
        foreach (var cells in Cells()) Assert.All(cells, cell => Assert.NotEmpty(cell));
    }

    private static IEnumerable<string> Rows() =>
        Cells().Select(cells => $"{cells[0]} {cells[1]} {cells[2]}".Replace("`", "", StringComparison.Ordinal));

    private static List<string[]> Cells()
    {
        var document = Path.Combine(SettingsFolder.Repository(), "docs", "configuration.md");
        return [.. File.ReadLines(document)
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries))];
    }

    private static string Written(object? value) => value switch
    {
        null => "none",
        "" => "\"\"",
        string text => text,
        bool flag => flag ? "true" : "false",
        TimeSpan duration => SettingsText.Write(duration),
        long bytes => SettingsText.WriteSize(bytes),
        Enum name => name.ToString().ToLowerInvariant(),
        IDictionary => "{}",
        IEnumerable<string> texts when texts.Any() => string.Join(", ", texts),
        IEnumerable => "[]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
