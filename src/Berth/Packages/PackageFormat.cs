namespace Berth.Packages;

/// <summary>A kind of file that lists packages. Its content comes from whoever made the image.</summary>
internal abstract class PackageFormat
{
    private static readonly PackageFormat[] All = [new DpkgFormat(), new ApkFormat()];

    /// <summary>The format of a file by its path; null if it lists no packages.</summary>
    public static PackageFormat? Find(string path) => Array.Find(All, one => one.Reads(path));

    /// <summary>The packages that a file of this format lists, one after another.</summary>
    public abstract IEnumerable<Package> Read(TextReader content);

    protected abstract bool Reads(string path);
}
