using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// What an image says of itself, as far as it is searched. Images of a repository mostly say the same, so what changes
/// with each build is left out.
/// </summary>
/// <param name="Id">The same for the same words.</param>
/// <param name="Words">The words in labels and annotations.</param>
/// <param name="Facts">Such as <c>platform:linux/amd64</c>, <c>label:team=web</c>, <c>base:debian:12</c>.</param>
internal sealed record SearchSet(string Id, IReadOnlyCollection<string> Words, IReadOnlyCollection<string> Facts)
{
    private const string BaseName = "org.opencontainers.image.base.name";

    /// <summary>Of one image.</summary>
    private const int MaxWords = 64;
    private const int MaxLabels = 32;
    private const int IdBytes = 12;

    /// <summary>The last words of the names of labels that are different in each build.</summary>
    private static readonly string[] Changing =
        ["created", "revision", "digest", "date", "build-date", "vcs-ref", "commit", "sha", "timestamp", "build-id"];

    private static readonly (string Type, string Shown)[] Types =
    [
        ("application/vnd.oci.image.config.v1+json", "image"),
        ("application/vnd.docker.container.image.v1+json", "image"),
        ("application/vnd.cncf.helm.config.v1+json", "helm"),
    ];

    /// <param name="artifactType">What it is; for an image, the type of its config.</param>
    /// <param name="platforms">Separated by spaces; null if not read yet.</param>
    /// <param name="labelsJson">The labels of its config.</param>
    /// <param name="annotationsJson">The annotations of the manifest.</param>
    public static SearchSet Of(string? artifactType, string? platforms, string? labelsJson, string? annotationsJson)
    {
        var words = new SortedSet<string>(StringComparer.Ordinal);
        var facts = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var platform in (platforms ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            facts.Add(SearchWords.Fact("platform", platform));
        if (artifactType is { Length: > 0 } type) facts.Add(SearchWords.Fact("type", TypeOf(type)));
        foreach (var (name, value) in Read(labelsJson).Concat(Read(annotationsJson)).Take(MaxLabels))
        {
            if (name.Equals(BaseName, StringComparison.OrdinalIgnoreCase)) AddBase(facts, value);
            if (Changing.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase))) continue;
            facts.Add(SearchWords.Fact("label", $"{name}={value}"));
            if (words.Count < MaxWords) words.UnionWith(SearchWords.InText(value));
        }

        var all = string.Join('\n', words) + "\n\n" + string.Join('\n', facts);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(all));
        return new SearchSet(Convert.ToHexStringLower(hash.AsSpan(0, IdBytes)), words, facts);
    }

    /// <summary>Whole, and by the last part of its name, which is all that people remember.</summary>
    private static void AddBase(SortedSet<string> facts, string value)
    {
        var name = value.Trim();
        if (name.Length == 0) return;
        facts.Add(SearchWords.Fact("base", name));
        facts.Add(SearchWords.Fact("base", name[(name.LastIndexOf('/') + 1)..]));
    }

    private static string TypeOf(string type) =>
        Types.FirstOrDefault(one => one.Type.Equals(type, StringComparison.OrdinalIgnoreCase)).Shown ?? type;

    private static List<(string Name, string Value)> Read(string? json)
    {
        if (json is null) return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind != JsonValueKind.Object ? []
                : [.. document.RootElement.EnumerateObject().Where(one => one.Value.ValueKind == JsonValueKind.String)
                    .Select(one => (one.Name, one.Value.GetString()!))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair, which JSON can escape.
            return [];
        }
    }
}
