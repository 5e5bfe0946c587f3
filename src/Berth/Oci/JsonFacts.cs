using System.Text.Json;

namespace Berth.Oci;

/// <summary>Reads single fields of JSON that anybody may have written: what is of another type counts as missing.
/// </summary>
internal static class JsonFacts
{
    private const int MaxChars = 1000;
    private const int MaxItems = 50;

    public static JsonElement? Field(JsonElement parent, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out parent)) return null;
        }

        return parent;
    }

    /// <summary>A text or number there, of a length that people read; null if there is none.</summary>
    public static string? Text(JsonElement parent, params ReadOnlySpan<string> path) =>
        Field(parent, path) is { } found ? TextOf(found) : null;

    /// <summary>The texts of a list, the names of an object, or a text, in one line; null if there are none.</summary>
    public static string? Line(JsonElement parent, params ReadOnlySpan<string> path)
    {
        if (Field(parent, path) is not { } found) return null;
        IEnumerable<string?> texts = found.ValueKind switch
        {
            JsonValueKind.Array => found.EnumerateArray().Take(MaxItems).Select(ItemOf),
            JsonValueKind.Object => found.EnumerateObject().Take(MaxItems).Select(one => one.Name),
            _ => [TextOf(found)],
        };
        var line = string.Join(", ", texts.Where(text => !string.IsNullOrEmpty(text)));
        return line.Length == 0 ? null : Cut(line);
    }

    /// <summary>Of a maintainer or a dependency its name, and what else tells which.</summary>
    private static string? ItemOf(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object) return TextOf(item);
        var more = new[] { Text(item, "version"), Text(item, "email"), Text(item, "repository") }
            .Where(text => text is not null);
        return $"{Text(item, "name")} {string.Join(' ', more)}".Trim();
    }

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString() is { Length: > 0 } text ? Cut(text) : null,
        JsonValueKind.Number => Cut(value.GetRawText()),
        JsonValueKind.True => "yes",
        _ => null,
    };

    private static string Cut(string text) => text.Length > MaxChars ? text[..MaxChars] + "…" : text;
}
