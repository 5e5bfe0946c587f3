namespace Berth.Packages;

/// <summary>An archive that setuptools installed as it is.</summary>
internal sealed class EggFormat : PackageFormat
{
    private const int MaxMetadataBytes = 1 << 20;
    private const int MaxEntries = 1_000_000;

    private static readonly PythonFormat Metadata = new();

    public override int MaxBytes => 64 << 20;

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        if (content.Length == 0) return;
        var (zip, entries) = (new ZipFile(new FileBytes(content)), 0);
        foreach (var entry in zip.Entries(name => name.SequenceEqual("EGG-INFO/PKG-INFO"u8), Count))
        {
            using var unpacked = zip.Open(entry);
            Metadata.Read(ZipContent.Read(unpacked, MaxMetadataBytes), path, found);
            return;
        }

        void Count()
        {
            if (++entries > MaxEntries) throw new PackageFaultException("it has too many files");
            found.ThrowIfCancelled();
        }
    }

    protected override bool Reads(string path) => path.EndsWith(".egg", StringComparison.Ordinal);
}
