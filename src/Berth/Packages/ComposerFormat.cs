using System.Text.Json;

namespace Berth.Packages;

/// <summary>The packages that Composer installed (PHP).</summary>
internal sealed class ComposerFormat : JsonFormat
{
    private const string List = "vendor/composer/installed.json";

    protected override void Read(JsonElement root, string path, PackageFindings found)
    {
        // Composer 1 wrote the list alone.
        var list = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("packages", out var inner)
            ? inner : root;
        if (list.ValueKind != JsonValueKind.Array) return;
        foreach (var one in list.EnumerateArray())
        {
            if (PackageFields.Make("composer", TextOf(one, "name"), TextOf(one, "version")) is not { } package)
                continue;
            found.Add(package with
            {
                License = one.TryGetProperty("license", out var license) ? LicensesOf(license) : null,
            });
        }
    }

    protected override bool Reads(string path) =>
        path == List || path.EndsWith($"/{List}", StringComparison.Ordinal);
}
