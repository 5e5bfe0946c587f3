namespace Berth.Packages;

/// <summary>The packages of Alpine and those that follow it: paragraphs of lines that begin with a letter (apk-db(5)).
/// </summary>
internal sealed class ApkFormat : PackageFormat
{
    private static readonly string[] Paths = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

    public override IEnumerable<Package> Read(TextReader content)
    {
        var fields = new PackageFields(StringComparison.Ordinal, "P", "V", "A", "L", "o");
        return ReadParagraphs(
            content, fields,
            line =>
            {
                if (line.Length > 2 && line[1] == ':') fields.Add(line.AsSpan(0, 1), line.AsSpan(2));
            },
            PackageOf);
    }

    protected override bool Reads(string path) => Paths.Contains(path);

    private static Package? PackageOf(PackageFields fields) =>
        fields.PackageOf("apk", "P", "V") is { } package
            ? package with
            {
                Architecture = fields["A"],
                Source = fields["o"] == package.Name ? null : fields["o"],
                License = fields["L"],
            }
            : null;
}
