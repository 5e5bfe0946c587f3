namespace Berth.Pages;

/// <summary>Pages of what is installed in images.</summary>
internal partial class English
{
    public virtual string PackagesTab => "Packages";
    public virtual string PackagesBeingRead =>
        "Some layers are being read for the first time: their packages are not here yet.";
    public virtual string PackagesMissing => "Packages may be missing:";
    public virtual string FindPackage => "Part of a package's name";
    public virtual string PackageVersion => "Version";
    public virtual string PackageKind => "Kind";
    public virtual string Owned => "by the system";
    public virtual string OwnedText => "The package manager of the distribution brought it, and lists it, too.";
    public virtual string NoPackageFound => "No package has that in its name.";
    public virtual string NoPackages =>
        "No list of packages was found in the image, nor a program that says what it was built from.";

    public virtual string PackageCount(int count) => count == 1 ? "1 package" : $"{Whole(count)} packages";

    public virtual string DownloadSbom(string format) => $"Download {format}";
}
