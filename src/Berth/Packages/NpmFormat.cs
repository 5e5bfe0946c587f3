using System.Text.Json;

namespace Berth.Packages;

/// <summary>A package that npm, yarn or pnpm installed: the package.json at its root.</summary>
internal sealed class NpmFormat : JsonFormat
{
    private const string Folder = "node_modules/";
    private const string File = "/package.json";

    protected override void Read(JsonElement root, string path, PackageFindings found)
    {
        if (PackageFields.Make("npm", TextOf(root, "name"), TextOf(root, "version")) is not { } package) return;
        var license = root.TryGetProperty("license", out var one) || root.TryGetProperty("licenses", out one)
            ? LicensesOf(one) : null;
        found.Add(package with { License = license });
    }

    /// <summary>Only at the root of a package: what is deeper describes parts of it, or examples.</summary>
    protected override bool Reads(string path)
    {
        if (!path.EndsWith(File, StringComparison.Ordinal)) return false;
        var last = path.LastIndexOf(Folder, StringComparison.Ordinal);
        if (last < 0 || (last > 0 && path[last - 1] != '/')) return false;
        var start = last + Folder.Length;
        if (start > path.Length - File.Length) return false;
        var name = path.AsSpan(start, path.Length - File.Length - start);
        return name.Count('/') == (name.StartsWith("@") ? 1 : 0);
    }
}
