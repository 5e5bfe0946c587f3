using System.Text.Json;

namespace Berth.Packages;

/// <summary>A file of JSON that describes packages.</summary>
internal abstract class JsonFormat : PackageFormat
{
    /// <summary>Reading takes some ten times as much memory.</summary>
    public override int MaxBytes => 4 << 20;

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(content, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true,
            });
        }
        catch (JsonException)
        {
            throw new PackageFaultException("it is no JSON");
        }

        using (document) Read(document.RootElement, path, found);
    }

    protected abstract void Read(JsonElement root, string path, PackageFindings found);

    /// <summary>A text of an object; null if it has none of that name, or the name leads to something else.</summary>
    protected static string? TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? TextOf(value) : null;

    protected static string? TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? PackageFields.Taken(JsonTexts.Read(value)) : null;

    /// <summary>Licences, of which there may be one or several.</summary>
    protected static string? LicensesOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => TextOf(value),
        JsonValueKind.Object => TextOf(value, "type"),
        JsonValueKind.Array => PackageFields.Taken(
            string.Join(" OR ", value.EnumerateArray().Take(10).Select(LicensesOf).OfType<string>())),
        _ => null,
    };
}

/// <summary>Reads texts of JSON that may hold anything.</summary>
internal static class JsonTexts
{
    /// <summary>Null if it is no text: half of a pair of surrogates is none.</summary>
    public static string? Read(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
