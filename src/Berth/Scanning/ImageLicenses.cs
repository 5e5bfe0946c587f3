using Berth.Metadata;
using Berth.Packages;
using Berth.Sbom;

namespace Berth.Scanning;

/// <summary>The licences of an image: each once, with a package that is under it.</summary>
internal static class ImageLicenses
{
    /// <summary>Ten times as many as the largest images have: the rest is not known.</summary>
    private const int MaxLicenses = 5_000;

    /// <summary>Longer ones are none of a package, but of a collection.</summary>
    private const int MaxChars = 2_000;

    public static IReadOnlyList<ImageLicense> Of(IEnumerable<Package> packages)
    {
        var found = new Dictionary<string, ImageLicense>(StringComparer.Ordinal);
        foreach (var package in packages)
        {
            var expression = package.License is { } said ? Licenses.Read(said).Expression : "";
            if (expression == Licenses.None || expression.Length > MaxChars) expression = "";
            if (found.Count >= MaxLicenses && !found.ContainsKey(expression)) expression = "";
            found.TryAdd(expression, new ImageLicense(expression, $"{package.Name} {package.Version}"));
        }

        return [.. found.Values.OrderBy(one => one.Expression, StringComparer.Ordinal)];
    }
}
