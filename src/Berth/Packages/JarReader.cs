using Berth.Disk;

namespace Berth.Packages;

/// <summary>
/// Reads an archive of Java and those in it. Maven writes a file of properties for each library that an archive is made
/// of; without one, its manifest and its name say what it is.
/// </summary>
/// <param name="found">Takes the packages.</param>
/// <param name="fileBytes">How long the outermost archive is.</param>
internal sealed class JarReader(PackageFindings found, long fileBytes)
{
    /// <summary>An application has modules, which have libraries.</summary>
    private const int MaxDepth = 6;

    /// <summary>Of all archives together.</summary>
    private const int MaxEntries = 1_000_000;

    /// <summary>Of one archive.</summary>
    private const int MaxLibraries = 10_000;

    private const int MaxTextBytes = 1 << 20;

    /// <summary>Archives in archives can't be packed much smaller once more.</summary>
    private const int MaxRatio = 4;

    private const string Manifest = "META-INF/MANIFEST.MF";

    /// <summary>A letter, a dot and three.</summary>
    private const int EndingChars = 5;

    private const int PieceBytes = 64 << 10;

    private long bytesLeft = (fileBytes * MaxRatio) + (16 << 20);
    private int entries;
    private string? fault;

    /// <exception cref="PackageFaultException">Not all of it could be read.</exception>
    public void Read(FileBytes file, string path)
    {
        Read(file, path, within: null, depth: 1);
        if (fault is not null) throw new PackageFaultException(fault);
    }

    private void Read(FileBytes file, string path, string? within, int depth)
    {
        var (zip, manifest, libraries) = (new ZipFile(file), (JarManifest?)null, new HashSet<Package>());
        foreach (var entry in zip.Entries(IsWanted, CountEntry))
        {
            try
            {
                if (entry.Name == Manifest) manifest ??= JarManifest.Read(ReadText(zip, entry));
                else if (!JarFormat.IsJar(entry.Name)) AddLibrary(ReadText(zip, entry), libraries);
                else ReadInner(zip, entry, within is null ? entry.Name : $"{within}/{entry.Name}", depth);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                fault ??= $"{entry.Name} in it is damaged";
            }
        }

        var name = new JarName(path);
        if (!libraries.Any(name.IsOf) && JarManifest.Describe(manifest, name, libraries.Count > 0) is { } own)
            libraries.Add(own);
        foreach (var library in libraries) found.Add(library with { Within = within });
    }

    private void ReadInner(ZipFile zip, ZipEntry entry, string within, int depth)
    {
        if (depth == MaxDepth)
        {
            fault ??= $"it has archives in archives, more than {MaxDepth} deep";
            return;
        }

        // Read where it is, if it is not packed: it was already counted with what it is in, but several entries may
        // lead to the same bytes.
        if (ZipFile.IsStored(entry))
        {
            CountBytes(entry.SizeBytes);
            ReadInner(zip.Packed(entry), within, depth);
            return;
        }

        using var spool = found.Spools.New();
        using (var unpacked = zip.Open(entry)) Unpack(unpacked, spool);
        ReadInner(new FileBytes(spool.Content), within, depth);
    }

    private void ReadInner(FileBytes file, string within, int depth)
    {
        // Some have an empty file in the place of one that they do without.
        if (file.Length > 0) Read(file, within, within, depth + 1);
    }

    private void Unpack(Stream unpacked, Spool spool)
    {
        var piece = new byte[PieceBytes];
        while (unpacked.Read(piece) is > 0 and var count)
        {
            CountBytes(count);
            spool.Write(piece.AsSpan(0, count));
        }
    }

    private MemoryStream ReadText(ZipFile zip, ZipEntry entry)
    {
        using var unpacked = zip.Open(entry);
        var text = ZipContent.Read(unpacked, MaxTextBytes);
        CountBytes(text.Length);
        return text;
    }

    private void CountEntry()
    {
        found.ThrowIfCancelled();
        if (++entries > MaxEntries) throw new PackageFaultException("it has too many files");
    }

    private void CountBytes(long count)
    {
        found.ThrowIfCancelled();
        bytesLeft -= count;
        if (bytesLeft < 0) throw new PackageFaultException("it becomes too large when it is unpacked");
    }

    private static void AddLibrary(Stream properties, HashSet<Package> libraries)
    {
        var fields = new PackageFields(StringComparison.Ordinal, "groupId", "artifactId", "version");
        foreach (var line in PackageFields.LinesOf(properties))
        {
            if (line.IndexOf('=') is > 0 and var equals)
                fields.Add(line.AsSpan(0, equals).Trim(), line.AsSpan(equals + 1));
        }

        if (fields["groupId"] is { } group && fields["artifactId"] is { } artifact
            && PackageFields.Make("maven", $"{group}:{artifact}", fields["version"]) is { } library
            // What a template would have replaced is no name.
            && !library.Name.Contains("${", StringComparison.Ordinal)
            && !library.Version.Contains("${", StringComparison.Ordinal))
        {
            if (libraries.Count == MaxLibraries) throw new PackageFaultException("it is made of too many libraries");
            libraries.Add(library);
        }
    }

    private static bool IsWanted(ReadOnlySpan<byte> name)
    {
        if (name.EndsWith("/pom.properties"u8) || name.SequenceEqual("META-INF/MANIFEST.MF"u8)) return true;
        // Most entries are classes.
        if (name.Length < EndingChars || name[^4] != '.') return false;
        Span<char> ending = stackalloc char[EndingChars];
        for (var i = 0; i < ending.Length; i++) ending[i] = (char)name[name.Length - ending.Length + i];
        return JarFormat.IsJar(ending);
    }
}
