namespace Berth.Packages;

/// <summary>
/// The packages of Debian and those that follow it, and of opkg: paragraphs of fields (deb-control(5)). Images without
/// a package manager have a file for each package, in <c>status.d</c>.
/// </summary>
internal sealed class DpkgFormat : ParagraphFormat
{
    private static readonly string[] Paths = ["var/lib/dpkg/status", "lib/opkg/status", "usr/lib/opkg/status"];

    private const string OneEach = "var/lib/dpkg/status.d/";

    /// <summary>Some ten thousand packages.</summary>
    public override int MaxBytes => 32 << 20;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var fields = new PackageFields(
            StringComparison.OrdinalIgnoreCase, "Package", "Version", "Status", "Architecture", "Source");
        ReadParagraphs(
            content, fields.AddLine,
            () =>
            {
                if (PackageOf(fields) is { } package) found.Add(package);
                fields.Clear();
            });
    }

    protected override bool Reads(string path) => Paths.Contains(path)
        || (path.StartsWith(OneEach, StringComparison.Ordinal) && !path.EndsWith(".md5sums", StringComparison.Ordinal));

    private static Package? PackageOf(PackageFields fields)
    {
        if (!IsInstalled(fields["Status"])) return null;
        var source = fields["Source"];
        var version = (string?)null;
        if (source?.IndexOf('(') is > 0 and var open)
        {
            version = source[(open + 1)..].Trim(')', ' ');
            source = source[..open].Trim();
        }

        return fields.PackageOf("deb", "Package", "Version") is { } package
            ? package with
            {
                Architecture = fields["Architecture"],
                Source = source == package.Name ? null : source,
                SourceVersion = version == package.Version ? null : version,
            }
            : null;
    }

    /// <summary>The last word is what it is, and the first only what is wanted: one that is to be removed is still
    /// there. Files for one package each have no state.</summary>
    private static bool IsInstalled(string? status) => status is null
        || status[(status.LastIndexOf(' ') + 1)..] is not ("config-files" or "not-installed");
}
