namespace Berth.Packages;

/// <summary>Which distribution an image is (os-release(5)).</summary>
internal sealed class OsReleaseFormat : PackageFormat
{
    private static readonly string[] Paths = ["etc/os-release", "usr/lib/os-release"];

    public override int MaxBytes => 64 << 10;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var fields = new PackageFields(
            StringComparison.Ordinal, "ID", "VERSION_ID", "PRETTY_NAME", "NAME", "CPE_NAME", "ID_LIKE");
        foreach (var line in PackageFields.LinesOf(content))
        {
            if (line.IndexOf('=') is > 0 and var equals)
                fields.Add(line.AsSpan(0, equals), line.AsSpan(equals + 1).Trim().Trim("\"'"));
        }

        if (fields["ID"] is not { } id) return;
        found.OsRelease = new OsRelease(
            id, fields["VERSION_ID"] ?? "", fields["PRETTY_NAME"] ?? fields["NAME"] ?? id)
        {
            Cpe = fields["CPE_NAME"],
            Like = fields["ID_LIKE"],
        };
    }

    protected override bool Reads(string path) => Paths.Contains(path);
}
