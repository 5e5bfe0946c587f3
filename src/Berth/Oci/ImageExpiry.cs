using System.Globalization;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// What an image says about when its tags go: Quay's <c>quay.expires-after</c> and <c>berth.expires-after</c>, as an
/// annotation of the manifest or a label of the config. Values are whole numbers with s, m, h, d or w, such as
/// <c>2w</c>; others count as none.
/// </summary>
internal static class ImageExpiry
{
    /// <summary>More is no time that anybody would wait for.</summary>
    private const long MaxSeconds = 100L * 365 * 24 * 3600;

    private static ReadOnlySpan<byte> Mark => "expires-after"u8;

    /// <summary>By the annotations of a manifest; null if it says nothing.</summary>
    /// <param name="body">The manifest.</param>
    /// <param name="unread">The value, if it could not be read; otherwise null.</param>
    public static TimeSpan? OfManifest(ReadOnlySpan<byte> body, out string? unread) =>
        Find(body, "annotations", null, out unread);

    /// <summary>The same by the labels of an image's config.</summary>
    public static TimeSpan? OfConfig(ReadOnlySpan<byte> config, out string? unread) =>
        Find(config, "config", "Labels", out unread);

    /// <summary>Reads a value; null if it is none.</summary>
    public static TimeSpan? Parse(string text)
    {
        if (text.Length < 2 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None,
            CultureInfo.InvariantCulture, out var count) || count > MaxSeconds)
        {
            return null;
        }

        var seconds = text[^1] switch
        {
            's' => 1L,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            'w' => 7 * 24 * 3600,
            _ => 0,
        };
        return seconds > 0 && count > 0 && count * seconds <= MaxSeconds ? TimeSpan.FromSeconds(count * seconds) : null;
    }

    private static TimeSpan? Find(ReadOnlySpan<byte> json, string field, string? inner, out string? unread)
    {
        unread = null;

        // Nearly all images: nothing is parsed.
        if (json.IndexOf(Mark) < 0) return null;
        try
        {
            var reader = new Utf8JsonReader(json);
            return Enter(ref reader, field) && (inner is null || Enter(ref reader, inner))
                ? ReadValue(ref reader, out unread) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Goes to the field of the object that begins at the next token.</summary>
    private static bool Enter(ref Utf8JsonReader reader, string field)
    {
        if (reader.TokenType != JsonTokenType.StartObject && !reader.Read()) return false;
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIt = reader.ValueTextEquals(field);
            reader.Read();
            if (isIt) return reader.TokenType == JsonTokenType.StartObject;
            reader.Skip();
        }

        return false;
    }

    private static TimeSpan? ReadValue(ref Utf8JsonReader reader, out string? unread)
    {
        TimeSpan? found = null;
        unread = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isOurs = reader.ValueTextEquals("berth.expires-after"u8);
            var isIt = isOurs || (found is null && reader.ValueTextEquals("quay.expires-after"u8));
            reader.Read();
            if (isIt && reader.TokenType == JsonTokenType.String)
            {
                var text = reader.GetString()!;
                var read = Parse(text);
                if (read is null) unread = text;
                found = read ?? found;
            }
            else
            {
                reader.Skip();
            }
        }

        return found;
    }
}
