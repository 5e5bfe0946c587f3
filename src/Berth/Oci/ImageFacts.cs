using System.Text;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>What lists and searches say of a manifest, read once from it and its config.</summary>
/// <param name="Platforms">What it is for, separated by spaces; empty for what is no image.</param>
/// <param name="ContentBytes">
/// Config and layers, as they are stored: compressed. An index has none of its own, unless it is a build cache.
/// </param>
/// <param name="BuiltAt">When it was built, by what its config says.</param>
/// <param name="LabelsJson">The labels of its config as a JSON object; null if there are none.</param>
internal sealed record ImageFacts(string Platforms, long ContentBytes, DateTimeOffset? BuiltAt, string? LabelsJson)
{
    /// <summary>Of longer labels, those that still fit are kept.</summary>
    private const int MaxLabelChars = 16 * 1024;

    /// <summary>No blob is as large; and as many children as an index may have can be added up.</summary>
    private const long MaxBytes = 1L << 48;

    private const int MaxPlatforms = 64;
    private const int MaxPlatformChars = 100;

    /// <summary>Of something that could not be read.</summary>
    public static ImageFacts Unknown { get; } = new("", 0, null, null);

    /// <param name="manifest">The manifest.</param>
    /// <param name="config">Its config; null if it has none, or it could not be read.</param>
    public static ImageFacts Of(Manifest manifest, ImageConfig? config)
    {
        var platforms = manifest.References.Where(one => one.Kind == ReferenceKind.Child)
            .Select(one => one.Target.Platform).OfType<Platform>()
            .Select(one => Oci.Platforms.NameOf(one.Os, one.Architecture, one.Variant))
            .Append(config?.Platform ?? "");

        // The same layer may be in an image more than once, and is stored once. Descriptors may say anything.
        var bytes = manifest.References.Where(IsContent)
            .DistinctBy(one => one.Target.Digest).Aggregate(0L, (sum, one) => Add(sum, one.Target.SizeBytes));
        return new ImageFacts(InOrder(platforms), bytes, config?.CreatedAt, LabelsOf(config));
    }

    /// <summary>The same, with what the manifest alone does not tell.</summary>
    /// <param name="platforms">Those of an index's children.</param>
    /// <param name="sizesBytes">Those of foreign layers that are stored.</param>
    public ImageFacts With(IEnumerable<string> platforms, IEnumerable<long> sizesBytes) => this with
    {
        Platforms = InOrder(Platforms.Split(' ', StringSplitOptions.RemoveEmptyEntries).Concat(platforms)),
        ContentBytes = sizesBytes.Aggregate(ContentBytes, Add),
    };

    private static string InOrder(IEnumerable<string> platforms)
    {
        var all = platforms.Where(IsShown).Distinct().Take(MaxPlatforms).ToList();
        all.Sort(Oci.Platforms.Compare);
        return string.Join(' ', all);
    }

    /// <summary>Foreign layers are mostly elsewhere. A child that is no manifest is a blob of a build cache.</summary>
    private static bool IsContent(ManifestReference one) => one.Kind switch
    {
        ReferenceKind.Config => true,
        ReferenceKind.Layer => !one.IsForeign,
        ReferenceKind.Child => !one.NamesManifest,
        _ => false,
    };

    private static bool IsShown(string platform) =>
        platform.Length is > 0 and <= MaxPlatformChars && platform.All(c => c is > ' ' and <= '~');

    private static long Add(long sum, long bytes) => Math.Min(sum + Math.Min(bytes, MaxBytes), MaxBytes);

    private static string? LabelsOf(ImageConfig? config)
    {
        if (config is null || config.Labels.Count == 0) return null;
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            var left = MaxLabelChars;
            foreach (var (name, value) in config.Labels.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                if (name.Length + value.Length > left) continue;
                left -= name.Length + value.Length;
                json.WriteString(name, value);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }
}
