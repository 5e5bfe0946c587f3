using Berth.Metadata;
using Berth.Packages;
using Berth.Sbom;

namespace Berth.Scanning;

/// <summary>The licences of an image: each once, with a package that is under it.</summary>
internal static class ImageLicenses
{
    /// <summary>Of all licences of an image, which policies read whole: ten times those of the largest images.
    /// </summary>
    private const int MaxChars = 512 * 1024;

    /// <summary>All of them once, and what is too long for this list as <see cref="ImageLicenseTable.TooLong"/>: it is
    /// not just unknown, since somebody may have made it so long.</summary>
    public static IReadOnlyList<ImageLicense> Of(IEnumerable<Package> packages)
    {
        var (found, chars) = (new Dictionary<string, ImageLicense>(StringComparer.Ordinal), 0);
        foreach (var package in packages)
        {
            var expression = package.License is { } said ? Licenses.Read(said).Expression : "";
            if (expression == Licenses.None) expression = "";
            if (found.ContainsKey(expression)) continue;
            var example = $"{package.Name} {package.Version}";
            if (chars + expression.Length + example.Length > MaxChars) expression = ImageLicenseTable.TooLong;
            else chars += expression.Length + example.Length;
            found.TryAdd(expression, new ImageLicense(expression, example));
        }

        return [.. found.Values.OrderBy(one => one.Expression, StringComparer.Ordinal)];
    }
}
