namespace Berth.Packages;

/// <summary>Where the packages of Alpine come from: it may be a newer release than the image says.</summary>
internal sealed class ApkRepositoriesFormat : PackageFormat
{
    public override int MaxBytes => 16 << 10;

    public override void Read(Stream content, string path, PackageFindings found) =>
        found.Repositories = string.Join('\n', PackageFields.LinesOf(content));

    protected override bool Reads(string path) => path == "etc/apk/repositories";
}
