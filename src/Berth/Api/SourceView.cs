using System.Text.Json;
using Berth.Access;

namespace Berth.Api;

/// <summary>Where the newest image of a repository comes from, as it says (image-spec, annotations.md).</summary>
/// <param name="Source">Where its source is, Dockerfile and all.</param>
/// <param name="Url">Where to read more.</param>
/// <param name="Documentation">Its documentation.</param>
/// <param name="Revision">The revision of the source.</param>
internal sealed record SourceView(string? Source, string? Url, string? Documentation, string? Revision)
{
    private const string Prefix = "org.opencontainers.image.";
    private const int MaxAddressChars = 1000;
    private const int MaxRevisionChars = 100;

    /// <param name="texts">Annotations and labels as JSON objects, those that count more first.</param>
    public static SourceView? Of(IEnumerable<string> texts)
    {
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var text in texts) Add(said, text);
        var view = new SourceView(
            AddressOf("source"), AddressOf("url"), AddressOf("documentation"),
            said.TryGetValue("revision", out var revision) && PlainText.Of(revision, MaxRevisionChars) == revision
                ? revision : null);
        return view == new SourceView(null, null, null, null) ? null : view;

        string? AddressOf(string key) =>
            said.TryGetValue(key, out var text) && FindAddress(text) is { } address ? address.AbsoluteUri : null;
    }

    /// <summary>An address that pages make a link of; null if it is none: anybody may have written anything.</summary>
    public static Uri? FindAddress(string text) => text.Length <= MaxAddressChars
        && Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "https" or "http"
        && address.UserInfo.Length == 0 && address.Host.Length > 0 ? address : null;

    private static void Add(Dictionary<string, string> said, string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.ValueKind != JsonValueKind.Object) return;
            foreach (var one in json.RootElement.EnumerateObject())
            {
                if (one.Name.StartsWith(Prefix, StringComparison.Ordinal)
                    && one.Value.ValueKind == JsonValueKind.String)
                {
                    said.TryAdd(one.Name[Prefix.Length..], one.Value.GetString()!);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair, or a value that is no text.
        }
    }
}
