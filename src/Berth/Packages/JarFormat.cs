namespace Berth.Packages;

/// <summary>Libraries and programs of Java, and what is packed in them.</summary>
internal sealed class JarFormat : PackageFormat
{
    private static readonly string[] Endings = [".jar", ".war", ".ear", ".par", ".jpi", ".hpi"];

    public override int MaxBytes => 512 << 20;

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        // Some programs leave empty files where others have theirs.
        if (content.Length == 0) return;
        var file = new FileBytes(content);
        new JarReader(found, file.Length).Read(file, path);
    }

    /// <summary>Whether a file is an archive of Java, by its name.</summary>
    public static bool IsJar(ReadOnlySpan<char> path)
    {
        foreach (var ending in Endings)
        {
            if (path.Length > ending.Length && path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return true;
        }

        return false;
    }

    protected override bool Reads(string path) => IsJar(path);
}

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

/// <summary>Takes small files out of archives.</summary>
internal static class ZipContent
{
    /// <exception cref="InvalidDataException">It is longer than it may be.</exception>
    public static MemoryStream Read(Stream unpacked, int maxBytes)
    {
        var (memory, piece) = (new MemoryStream(), new byte[4096]);
        while (unpacked.Read(piece) is > 0 and var count)
        {
            memory.Write(piece, 0, count);
            if (memory.Length > maxBytes) throw new InvalidDataException();
        }

        memory.Position = 0;
        return memory;
    }
}
