using System.Globalization;
using System.Text.Json;

namespace Berth.Signatures;

/// <summary>Reads fields that must be there. All methods throw FormatException and name what is missing.</summary>
internal static class SignatureJson
{
    // Two fields with one name could mean one thing to us and another to the program that signed.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public static JsonDocument Parse(ReadOnlyMemory<byte> json, string what)
    {
        try
        {
            return JsonDocument.Parse(json, Strict);
        }
        catch (JsonException e)
        {
            throw new FormatException($"{what} is not valid JSON", e);
        }
    }

    public static JsonElement? Optional(JsonElement parent, string name)
    {
        if (parent.ValueKind != JsonValueKind.Object) throw new FormatException($"there is no object around {name}");
        return parent.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;
    }

    public static JsonElement Field(JsonElement parent, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            parent = Optional(parent, name) ?? throw new FormatException($"{name} is missing");
        }

        return parent;
    }

    /// <summary>Anybody may add to a document what makes it another one for other readers: what could be read in two
    /// ways is neither.</summary>
    public static void MustLack(JsonElement parent, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Optional(parent, name) is not null)
                throw new FormatException($"it has a field of another kind: {name}");
        }
    }

    public static string Text(JsonElement parent, params ReadOnlySpan<string> path)
    {
        var found = Field(parent, path);
        if (found.ValueKind != JsonValueKind.String) throw new FormatException($"{path[^1]} is not a text");
        return TextOf(found, path[^1]);
    }

    public static string? OptionalText(JsonElement parent, string name) =>
        Optional(parent, name) is null ? null : Text(parent, name);

    /// <summary>A number that is not negative. Protocol buffers write large ones as texts.</summary>
    public static long Number(JsonElement parent, params ReadOnlySpan<string> path)
    {
        var found = Field(parent, path);
        var text = found.ValueKind switch
        {
            JsonValueKind.String => TextOf(found, path[^1]),
            JsonValueKind.Number => found.GetRawText(),
            _ => "",
        };
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw new FormatException($"{path[^1]} is not a whole number from 0");
        return number;
    }

    public static byte[] Bytes(JsonElement parent, params ReadOnlySpan<string> path)
    {
        var found = Field(parent, path);
        if (found.ValueKind != JsonValueKind.String || !found.TryGetBytesFromBase64(out var bytes))
            throw new FormatException($"{path[^1]} is not base64");
        return bytes;
    }

    /// <summary>The items of a list; none if it is missing.</summary>
    public static List<JsonElement> Items(JsonElement parent, string name, int max)
    {
        if (Optional(parent, name) is not { } list) return [];
        if (list.ValueKind != JsonValueKind.Array) throw new FormatException($"{name} is not a list");
        if (list.GetArrayLength() > max) throw new FormatException($"{name} has more than {max} items");
        return [.. list.EnumerateArray()];
    }

    /// <summary>The texts in an object, which others than its writer read; without the rest of it.</summary>
    public static Dictionary<string, string> Texts(JsonElement? parent)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        if (parent is not { ValueKind: JsonValueKind.Object } found) return texts;
        foreach (var one in found.EnumerateObject())
        {
            if (one.Value.ValueKind != JsonValueKind.String || texts.Count == SignatureLimits.MaxAnnotations) continue;
            texts[one.Name] = TextOf(one.Value, one.Name);
        }

        return texts;
    }

    private static string TextOf(JsonElement value, string name)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair.
            throw new FormatException($"{name} is not valid Unicode", e);
        }
    }
}
