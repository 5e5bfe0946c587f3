using System.Text.Json;

namespace Berth.Contents;

/// <summary>Something that the configs of two images have not alike.</summary>
/// <param name="Field">Which.</param>
/// <param name="From">What the first has: of a set only what the second has not.</param>
/// <param name="To">What the second has.</param>
internal sealed record ConfigDifference(string Field, IReadOnlyList<string> From, IReadOnlyList<string> To);

/// <summary>Compares what two configs say of how an image is run (image-spec, config.md).</summary>
internal static class ConfigComparison
{
    /// <summary>The fields by the names that people know, and whether they are sets.</summary>
    private static readonly (string Field, string Json, bool IsSet)[] Fields =
    [
        ("environment", "Env", true), ("entryPoint", "Entrypoint", false), ("command", "Cmd", false),
        ("user", "User", false), ("workingDirectory", "WorkingDir", false), ("labels", "Labels", true),
        ("ports", "ExposedPorts", true), ("volumes", "Volumes", true), ("stopSignal", "StopSignal", false),
    ];

    /// <returns>Null if one of them can't be read.</returns>
    public static List<ConfigDifference>? Run(byte[] from, byte[] to)
    {
        try
        {
            using var ours = JsonDocument.Parse(from);
            using var theirs = JsonDocument.Parse(to);
            return [.. Compare(ours.RootElement, theirs.RootElement)];
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair is no text.
            return null;
        }
    }

    private static IEnumerable<ConfigDifference> Compare(JsonElement ours, JsonElement theirs)
    {
        foreach (var field in new[] { "os", "architecture", "variant" })
        {
            if (Find(field, TextsOf(ours, field), TextsOf(theirs, field), isSet: false) is { } found)
                yield return found;
        }

        var (run, otherRun) = (PartOf(ours, "config"), PartOf(theirs, "config"));
        foreach (var (field, json, isSet) in Fields)
        {
            if (Find(field, TextsOf(run, json), TextsOf(otherRun, json), isSet) is { } found) yield return found;
        }
    }

    private static ConfigDifference? Find(string field, List<string> from, List<string> to, bool isSet)
    {
        if (from.SequenceEqual(to, StringComparer.Ordinal)) return null;
        if (!isSet) return new ConfigDifference(field, from, to);
        var (lost, added) = (from.Except(to, StringComparer.Ordinal), to.Except(from, StringComparer.Ordinal));
        var found = new ConfigDifference(
            field, [.. lost.Order(StringComparer.Ordinal)], [.. added.Order(StringComparer.Ordinal)]);
        return found.From.Count + found.To.Count == 0 ? null : found;
    }

    private static JsonElement PartOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var part) ? part : default;

    /// <summary>A text; the texts of a list; the keys of an object, with their texts if they have some.</summary>
    private static List<string> TextsOf(JsonElement json, string name)
    {
        var value = PartOf(json, name);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString() is { Length: > 0 } text ? [text] : [],
            JsonValueKind.Array => [.. value.EnumerateArray().Select(item => item.ToString())],
            JsonValueKind.Object => [.. value.EnumerateObject().Select(one =>
                one.Value.ValueKind == JsonValueKind.String ? $"{one.Name}={one.Value.GetString()}" : one.Name)],
            _ => [],
        };
    }
}
