using System.Formats.Tar;
using System.IO.Compression;

namespace Berth.Import;

/// <summary>
/// The files of a layout, in a folder or in an archive. Nothing of an archive is unpacked: its files are read where
/// they are.
/// </summary>
internal abstract class ArchiveFiles : IDisposable
{
    /// <summary>The largest index or list of images, in bytes.</summary>
    private const int MaxJsonBytes = 16 << 20;

    /// <summary>Where it is, for messages.</summary>
    public abstract string Name { get; }

    /// <exception cref="InvalidDataException">It is no archive, or one that tries tricks.</exception>
    /// <exception cref="IOException">It can't be read, or there is no space to decompress it.</exception>
    public static async Task<ArchiveFiles> OpenAsync(string path, CancellationToken cancellation) =>
        Directory.Exists(path) ? new FolderFiles(path) : await TarFiles.OpenAsync(path, cancellation);

    /// <summary>A file's length; null if there is no such file.</summary>
    public abstract long? LengthOf(string name);

    /// <summary>Opens a file that is there.</summary>
    public abstract Stream Open(string name);

    /// <summary>All files.</summary>
    public abstract IEnumerable<string> Names { get; }

    /// <summary>A small file's bytes; null if there is no such file.</summary>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    public async Task<byte[]?> ReadAsync(string name, CancellationToken cancellation, long most = MaxJsonBytes)
    {
        if (LengthOf(name) is not { } length) return null;
        if (length > most) throw new InvalidDataException($"{name} in {Name} has {length} bytes, more than {most}");
        await using var stream = Open(name);
        var content = new byte[length];
        await stream.ReadExactlyAsync(content, cancellation);
        return content;
    }

    public virtual void Dispose()
    {
    }

    private sealed class FolderFiles(string root) : ArchiveFiles
    {
        public override string Name => root;

        public override IEnumerable<string> Names =>
            Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(root, path));

        public override long? LengthOf(string name)
        {
            var file = new FileInfo(PathOf(name));
            return file.Exists ? file.Length : null;
        }

        public override Stream Open(string name) => new FileStream(
            PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
            bufferSize: 0, FileOptions.Asynchronous);

        /// <summary>A layout names files of its own: none outside, and no links that lead there.</summary>
        private string PathOf(string name)
        {
            var top = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
            var path = Path.GetFullPath(Path.Combine(top, name));
            for (var part = path; part.Length > top.Length; part = Path.GetDirectoryName(part)!)
            {
                if (!part.StartsWith(top + Path.DirectorySeparatorChar, StringComparison.Ordinal)) break;
                if (new FileInfo(part).LinkTarget is not null)
                    throw new InvalidDataException($"{name} in {root} is, or lies behind, a symbolic link");
            }

            return path.StartsWith(top + Path.DirectorySeparatorChar, StringComparison.Ordinal)
                ? path : throw new InvalidDataException($"{name} lies outside of {root}");
        }
    }

    private sealed class TarFiles : ArchiveFiles
    {
        /// <summary>More files than any archive of images has: each takes memory.</summary>
        private const int MaxEntries = 1_000_000;

        /// <summary>How many links lead to another link.</summary>
        private const int MaxLinks = 8;

        private readonly string path;
        private readonly string place;
        private readonly bool isTemporary;
        private readonly Dictionary<string, (long Offset, long Length)> files = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> links = new(StringComparer.Ordinal);

        private TarFiles(string path, string place, bool isTemporary) =>
            (this.path, this.place, this.isTemporary) = (path, place, isTemporary);

        public override string Name => path;

        public override IEnumerable<string> Names => files.Keys;

        public static new async Task<ArchiveFiles> OpenAsync(string path, CancellationToken cancellation)
        {
            var isCompressed = await IsCompressedAsync(path, cancellation);
            var archive = isCompressed
                ? new TarFiles(path, await DecompressAsync(path, cancellation), isTemporary: true)
                : new TarFiles(path, path, isTemporary: false);
            try
            {
                await archive.ReadEntriesAsync(cancellation);
                return archive;
            }
            catch
            {
                archive.Dispose();
                throw;
            }
        }

        public override long? LengthOf(string name) => Find(name)?.Length;

        public override Stream Open(string name)
        {
            var (offset, length) = Find(name)!.Value;
            return new FileSlice(place, offset, length);
        }

        public override void Dispose()
        {
            if (isTemporary) File.Delete(place);
            base.Dispose();
        }

        private (long Offset, long Length)? Find(string name)
        {
            for (var i = 0; i < MaxLinks; i++)
            {
                if (files.TryGetValue(name, out var file)) return file;
                if (!links.TryGetValue(name, out var target)) return null;
                name = target;
            }

            return null;
        }

        private async Task ReadEntriesAsync(CancellationToken cancellation)
        {
            try
            {
                await using var stream = new FileStream(place, FileMode.Open, FileAccess.Read, FileShare.Read);
                await using var reader = new TarReader(stream);
                while (await reader.GetNextEntryAsync(copyData: false, cancellation) is { } entry) Add(entry);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
            {
                throw e.Data.Contains(nameof(TarFiles))
                    ? e : new InvalidDataException($"{path} is no tar archive, or is cut off: {e.Message}", e);
            }

            if (files.Count == 0) throw new InvalidDataException($"{path} is no tar archive, or an empty one");
        }

        private void Add(TarEntry entry)
        {
            if (entry.EntryType is TarEntryType.Directory or TarEntryType.GlobalExtendedAttributes) return;
            if (entry.Name.Split('/').Contains("..") || Normal(entry.Name) is not { } name)
                throw Trick(entry.Name, "leads out of the archive");
            if (files.Count + links.Count >= MaxEntries) throw Trick(name, $"is one of more than {MaxEntries} files");
            if (files.ContainsKey(name) || links.ContainsKey(name)) throw Trick(name, "is in it twice");
            switch (entry.EntryType)
            {
                case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                    files[name] = (entry.DataOffset, entry.Length);
                    break;

                // Older versions of docker save a layer once, and link it in other images.
                case TarEntryType.SymbolicLink or TarEntryType.HardLink:
                    var from = entry.EntryType == TarEntryType.SymbolicLink
                        ? name[..(name.LastIndexOf('/') + 1)] + entry.LinkName : entry.LinkName;
                    links[name] = Normal(from) ?? throw Trick(name, $"is a link out of the archive ({entry.LinkName})");
                    break;
                default:
                    throw Trick(name, $"is no file ({entry.EntryType})");
            }
        }

        private InvalidDataException Trick(string name, string what) => new($"{path} is refused: {name} {what}")
        {
            Data = { [nameof(TarFiles)] = true },
        };

        /// <summary>A path without dots; null if it leads out of the archive.</summary>
        private static string? Normal(string name)
        {
            if (name.Length == 0 || name[0] == '/' || name.Contains('\0', StringComparison.Ordinal)) return null;
            var parts = new List<string>();
            foreach (var part in name.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                if (part == ".") continue;
                if (part != "..") parts.Add(part);
                else if (parts.Count == 0) return null;
                else parts.RemoveAt(parts.Count - 1);
            }

            return parts.Count == 0 ? null : string.Join('/', parts);
        }

        private static async Task<bool> IsCompressedAsync(string path, CancellationToken cancellation)
        {
            await using var stream = File.OpenRead(path);
            var magic = new byte[2];
            return await stream.ReadAtLeastAsync(magic, 2, throwOnEndOfStream: false, cancellation) == 2
                && magic is [0x1f, 0x8b];
        }

        /// <summary>Into a file that goes away with the archive: its files are not read in their order.</summary>
        private static async Task<string> DecompressAsync(string path, CancellationToken cancellation)
        {
            var place = Path.GetTempFileName();
            try
            {
                await using var compressed = File.OpenRead(path);
                await using var gzip = new GZipStream(compressed, CompressionMode.Decompress);
                await using var plain = File.Create(place);
                await gzip.CopyToAsync(plain, cancellation);
                return place;
            }
            catch (Exception e)
            {
                File.Delete(place);
                if (e is InvalidDataException) throw new InvalidDataException($"{path} is damaged: {e.Message}", e);
                throw;
            }
        }
    }
}
