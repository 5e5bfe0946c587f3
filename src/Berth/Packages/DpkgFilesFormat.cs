namespace Berth.Packages;

/// <summary>The files of a package of dpkg: a path in each line, or in images without a package manager its MD5 sum and
/// a path.</summary>
internal sealed class DpkgFilesFormat : PackageFormat
{
    private const string Lists = "var/lib/dpkg/info/";
    private const string Sums = "var/lib/dpkg/status.d/";

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var hasSums = path.EndsWith(".md5sums", StringComparison.Ordinal);
        foreach (var line in PackageFields.LinesOf(content))
            found.AddOwned(hasSums ? line.AsSpan(line.IndexOf(' ') + 1).Trim() : line);
    }

    protected override bool Reads(string path) =>
        (path.StartsWith(Lists, StringComparison.Ordinal) && path.EndsWith(".list", StringComparison.Ordinal))
        || (path.StartsWith(Sums, StringComparison.Ordinal) && path.EndsWith(".md5sums", StringComparison.Ordinal));
}
