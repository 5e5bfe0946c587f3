using System.Buffers.Binary;
using System.Text;

namespace Berth.Packages;

/// <summary>The headers of installed packages, as rpm's databases keep them.</summary>
/// <param name="found">Takes the packages and their files.</param>
internal sealed class RpmHeaders(PackageFindings found)
{
    /// <summary>As PATH_MAX.</summary>
    private const int MaxPathChars = 4096;

    /// <summary>Of all paths together, those that nobody asks for, too. A folder is in a header once, however many
    /// files it has: without a limit, some megabytes would say terabytes of paths.</summary>
    private const long MaxFileChars = 128 << 20;

    /// <summary>Of one package.</summary>
    private const int MaxFolders = 1 << 18;

    private readonly char[] path = new char[MaxPathChars];
    private long fileChars;

    /// <summary>Adds a package.</summary>
    /// <param name="blob">Its header.</param>
    public void Add(ReadOnlySpan<byte> blob)
    {
        found.ThrowIfCancelled();
        var header = new RpmHeader(blob);
        var name = header.TextOf(RpmTag.Name);
        // A key that signs packages, which rpm lists among them.
        if (name == "gpg-pubkey") return;
        var version = $"{header.TextOf(RpmTag.Version)}-{header.TextOf(RpmTag.Release)}";
        var epoch = header.NumberOf(RpmTag.Epoch) is > 0 and var number ? $"{number}:" : "";
        if (version.Length < 3 || PackageFields.Make("rpm", name, epoch + version) is not { } package) return;
        var (source, sourceVersion) = SourceOf(header.TextOf(RpmTag.SourceRpm));
        found.Add(package with
        {
            Architecture = header.TextOf(RpmTag.Architecture),
            Source = source == package.Name ? null : source,
            SourceVersion = sourceVersion == version ? null : sourceVersion,
            License = header.TextOf(RpmTag.License),
            Module = header.TextOf(RpmTag.Modularity),
            Vendor = header.TextOf(RpmTag.Vendor),
        });
        AddFiles(header);
    }

    /// <summary>Out of <c>openssl-3.0.7-27.el9.src.rpm</c>. It has no epoch.</summary>
    public static (string? Name, string? Version) SourceOf(string? file)
    {
        foreach (var suffix in (string[])[".src.rpm", ".nosrc.rpm"])
        {
            if (file?.EndsWith(suffix, StringComparison.Ordinal) != true) continue;
            var whole = file[..^suffix.Length];
            var release = whole.LastIndexOf('-');
            var version = release > 0 ? whole.LastIndexOf('-', release - 1) : -1;
            if (version > 0) return (whole[..version], whole[(version + 1)..]);
        }

        return (null, null);
    }

    /// <summary>Each file has a name, and the number of a folder.</summary>
    private void AddFiles(RpmHeader header)
    {
        var folders = FoldersOf(header);
        var numbers = header.NumbersOf(RpmTag.DirectoryIndexes);
        var names = header.TextsOf(RpmTag.BaseNames);
        for (var at = 0; at + sizeof(int) <= numbers.Length && names.MoveNext(); at += sizeof(int))
        {
            var folder = BinaryPrimitives.ReadInt32BigEndian(numbers[at..]);
            if (folder < 0 || folder >= folders.Count) throw new InvalidDataException();
            var name = names.Current;
            if (folders[folder].Length + name.Length > MaxPathChars) continue;
            folders[folder].CopyTo(path);
            // Names that are no UTF-8 have as many characters as bytes at most.
            var length = folders[folder].Length + Encoding.UTF8.GetChars(name, path.AsSpan(folders[folder].Length));
            fileChars += length;
            if (fileChars > MaxFileChars) throw new PackageFaultException("it lists too many files");
            found.AddOwned(path.AsSpan(0, length));
        }
    }

    private static List<string> FoldersOf(RpmHeader header)
    {
        var folders = new List<string>();
        for (var names = header.TextsOf(RpmTag.DirectoryNames); names.MoveNext();)
        {
            if (folders.Count == MaxFolders) throw new PackageFaultException("a package has too many folders");
            folders.Add(Encoding.UTF8.GetString(names.Current));
        }

        return folders;
    }
}
