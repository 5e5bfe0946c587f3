using System.Text.Json;

namespace Berth.Identity;

/// <summary>What a page or a script sent: a form, or an object in JSON.</summary>
internal sealed class PageBody
{
    /// <summary>What most pages send at most.</summary>
    public const int MaxBytes = 16 * 1024;

    private const string JsonType = "application/json";

    private readonly IFormCollection? form;
    private readonly JsonElement json;

    private PageBody(IFormCollection? form, JsonElement json) => (this.form, this.json) = (form, json);

    /// <summary>Whether a page without scripts sent it, which wants a page as the answer.</summary>
    public bool IsForm => form is not null;

    /// <summary>Whether a field was sent as text, as forms always do.</summary>
    public bool Has(string name) => form is not null || SignInCalls.TextOf(json, name) is not null;

    /// <summary>A field's text; empty if there is none.</summary>
    public string Text(string name) =>
        form is not null ? form[name].ToString() : SignInCalls.TextOf(json, name) ?? "";

    /// <summary>All values of a field of a form, such as those of boxes that are checked.</summary>
    public IReadOnlyList<string> All(string name) => form is null ? [] : [.. form[name].OfType<string>()];

    /// <summary>All fields of a form; none of JSON.</summary>
    public IEnumerable<(string Name, string Value)> Fields => form is null
        ? [] : form.SelectMany(one => one.Value.OfType<string>().Select(value => (one.Key, value)));

    /// <summary>A field of JSON that is an object; null if there is none.</summary>
    public JsonElement? Object(string name) =>
        form is null && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value : null;

    /// <summary>Null if the body is neither, or more than any page sends.</summary>
    public static async Task<PageBody?> ReadAsync(HttpContext http, int maxBytes = MaxBytes)
    {
        var request = http.Request;
        if (request.ContentLength > maxBytes) return null;
        try
        {
            if (SentForm.IsIn(request))
                return await SentForm.ReadAsync(http, maxBytes) is { } form ? new PageBody(form, default) : null;
            if (request.ContentType?.StartsWith(JsonType, StringComparison.OrdinalIgnoreCase) != true) return null;
            SmallBody.Limit(http, maxBytes);
            using var document = await JsonDocument.ParseAsync(
                request.Body, new JsonDocumentOptions { MaxDepth = 16 }, http.RequestAborted);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new PageBody(null, document.RootElement.Clone()) : null;
        }
        catch (Exception e) when (e is JsonException or BadHttpRequestException)
        {
            return null;
        }
    }
}
