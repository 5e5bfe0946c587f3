using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Identity;

/// <summary>What a page or a script sent: a form, or an object in JSON.</summary>
internal sealed class PageBody
{
    private const int MaxBytes = 16 * 1024;
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

    /// <summary>A field of JSON that is an object; null if there is none.</summary>
    public JsonElement? Object(string name) =>
        form is null && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value : null;

    /// <summary>Null if the body is neither, or more than any page sends.</summary>
    public static async Task<PageBody?> ReadAsync(HttpContext http)
    {
        var request = http.Request;
        if (request.ContentLength > MaxBytes) return null;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MaxBytes;
        try
        {
            if (request.HasFormContentType)
                return new PageBody(await request.ReadFormAsync(http.RequestAborted), default);
            if (request.ContentType?.StartsWith(JsonType, StringComparison.OrdinalIgnoreCase) != true) return null;
            using var document = await JsonDocument.ParseAsync(
                request.Body, new JsonDocumentOptions { MaxDepth = 16 }, http.RequestAborted);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new PageBody(null, document.RootElement.Clone()) : null;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or BadHttpRequestException)
        {
            return null;
        }
    }
}
