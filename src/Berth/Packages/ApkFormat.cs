namespace Berth.Packages;

/// <summary>The packages of Alpine and those that follow it, with their files: paragraphs of lines that begin with a
/// letter (apk-db(5)).</summary>
internal sealed class ApkFormat : ParagraphFormat
{
    private static readonly string[] Paths = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

    private const int MaxPathChars = 4096;

    /// <summary>It has a line for each file of all packages.</summary>
    public override int MaxBytes => 64 << 20;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var fields = new PackageFields(StringComparison.Ordinal, "P", "V", "A", "L", "o");
        var folder = "";
        ReadParagraphs(
            content,
            line =>
            {
                if (line.Length < 2 || line[1] != ':') return;
                found.ThrowIfCancelled();
                if (line[0] == 'F') folder = line.Length <= MaxPathChars ? line[2..] : "";
                else if (line[0] == 'R') AddFile(folder, line.AsSpan(2), found);
                else fields.Add(line.AsSpan(0, 1), line.AsSpan(2));
            },
            () =>
            {
                if (PackageOf(fields) is { } package) found.Add(package);
                fields.Clear();
                folder = "";
            });
    }

    private static void AddFile(string folder, ReadOnlySpan<char> name, PackageFindings found)
    {
        if (name.Length <= MaxPathChars) found.AddOwned(folder.Length == 0 ? name : $"{folder}/{name}");
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
