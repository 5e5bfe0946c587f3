using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Policies;

/// <summary>What policies have against what an image says of itself, and what comes with it.</summary>
internal static class ImageReasons
{
    private const int MaxTextChars = 100;

    /// <summary>What the image says of itself.</summary>
    public static IEnumerable<string> Of(Policy policy, JudgedImage image, DateTimeOffset now)
    {
        var spec = policy.Spec;
        if (image.Outline.Manifest is null)
        {
            yield return "its manifest can't be read: it may name more than limits.referencespermanifest allows";
            yield break;
        }

        foreach (var label in spec.Labels)
        {
            if (FindFaultOfLabel(image, label) is { } fault) yield return fault;
        }

        if (spec.MaxAgeSeconds is { } seconds && now - image.BuiltAt > TimeSpan.FromSeconds(seconds))
        {
            yield return $"it is {Days(now - image.BuiltAt)} old, and may be {Days(TimeSpan.FromSeconds(seconds))}: "
                + "build it again";
        }

        if (spec.BaseImages.Count == 0) yield break;
        if (image.BaseName is not { } name)
        {
            yield return "it does not say what its base image is: build it with the annotation "
                + "org.opencontainers.image.base.name";
        }
        else if (!spec.BaseImages.Any(pattern => NamePattern.Matches(pattern, name)))
        {
            yield return $"its base image is {PlainText.Of(name, MaxTextChars)}: build it on one of "
                + PlainText.Of(string.Join(", ", spec.BaseImages.Take(5)), 5 * MaxTextChars);
        }
    }

    /// <summary>The documents that come with it, which are attached after its push.</summary>
    public static IEnumerable<string> OfAttached(Policy policy, JudgedImage image)
    {
        var spec = policy.Spec;
        if (spec.HasSbom && !image.Documents.Contains(ArtifactKind.Sbom))
        {
            yield return "it has no bill of materials: build it with buildx build --sbom=true, or attach one";
        }

        if (spec.HasProvenance && !image.Documents.Contains(ArtifactKind.Provenance))
        {
            yield return "it has no provenance: build it with buildx build --provenance=true, or attach one";
        }
    }

    private static string? FindFaultOfLabel(JudgedImage image, string label)
    {
        var parts = label.Split('=', 2);
        var name = PlainText.Of(parts[0], MaxTextChars);
        if (image.Find(parts[0]) is not { Length: > 0 } value) return $"it has no label {name}: build it with one";
        return parts is [_, var wanted] && wanted != value
            ? $"its label {name} is {PlainText.Of(value, MaxTextChars)}, not {PlainText.Of(wanted, MaxTextChars)}: "
                + "build it with that"
            : null;
    }

    private static string Days(TimeSpan age) => age.TotalDays < 2
        ? string.Create(CultureInfo.InvariantCulture, $"{age.TotalHours:0.#} hours")
        : string.Create(CultureInfo.InvariantCulture, $"{age.TotalDays:0} days");
}
