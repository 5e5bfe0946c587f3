using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Berth.Pages;

/// <summary>JSON as people read it.</summary>
/// <param name="Text">With a line for each field; as it is, if it is no JSON.</param>
/// <param name="IsWhole">Whether that is all of it.</param>
/// <param name="SizeBytes">How long it is.</param>
internal sealed record JsonText(string Text, bool IsWhole, long SizeBytes)
{
    /// <summary>More of it is not laid out.</summary>
    public const int MaxReadBytes = 1024 * 1024;

    /// <summary>Nobody reads more than that on a page.</summary>
    private const int MaxShownChars = 64 * 1024;

    /// <summary>The page's encoder escapes whatever needs it.</summary>
    private static readonly JsonWriterOptions Layout = new()
    {
        Indented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="bytes">Its beginning, or all.</param>
    /// <param name="length">How long it is.</param>
    public static JsonText Of(byte[] bytes, long length)
    {
        var text = bytes.Length < length ? null : LaidOut(bytes);
        text ??= Encoding.UTF8.GetString(bytes);
        var isWhole = text.Length <= MaxShownChars && bytes.Length == length;
        return new JsonText(text.Length > MaxShownChars ? text[..MaxShownChars] : text, isWhole, length);
    }

    private static string? LaidOut(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            using var output = new MemoryStream(json.Length * 2);
            using (var writer = new Utf8JsonWriter(output, Layout)) document.WriteTo(writer);
            return Encoding.UTF8.GetString(output.GetBuffer(), 0, (int)output.Length);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Of a type that is no JSON, or with text that is not valid Unicode.
            return null;
        }
    }
}
