namespace Berth.Packages;

/// <summary>
/// The packages of an image that has no database of rpm: Azure Linux and Mariner without a package manager. A line for
/// each, with tabs between name, version and release, times of installation and build, vendor, (none), size,
/// architecture, epoch and source (<c>rpm -qa --qf</c>).
/// </summary>
internal sealed class RpmManifestFormat : PackageFormat
{
    private const int Fields = 10;
    private const int VendorAt = 4;
    private const int ArchitectureAt = 7;
    private const int EpochAt = 8;
    private const int SourceAt = 9;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var hasOthers = false;
        foreach (var line in PackageFields.LinesOf(content))
        {
            found.ThrowIfCancelled();
            if (line.Length == 0) continue;
            if (PackageOf(line.Split('\t')) is { } package) found.Add(package);
            else hasOthers = true;
        }

        if (hasOthers) throw new PackageFaultException("it has lines that name no package");
    }

    protected override bool Reads(string path) => path == "var/lib/rpmmanifest/container-manifest-2";

    private static Package? PackageOf(string[] fields)
    {
        if (fields.Length < Fields || fields[1].IndexOf('-') <= 0) return null;
        var epoch = int.TryParse(fields[EpochAt], out var number) && number > 0 ? $"{number}:" : "";
        if (PackageFields.Make("rpm", fields[0], epoch + fields[1]) is not { } package) return null;
        var (source, version) = RpmHeaders.SourceOf(fields[SourceAt].TrimEnd());
        return package with
        {
            Architecture = Said(fields[ArchitectureAt]),
            Source = source == package.Name ? null : PackageFields.Taken(source),
            SourceVersion = version == fields[1] ? null : PackageFields.Taken(version),
            Vendor = Said(fields[VendorAt]),
        };
    }

    private static string? Said(string field) => field == "(none)" ? null : PackageFields.Taken(field);
}
