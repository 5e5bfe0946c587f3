using Berth.Blobs;
using Berth.Disk;
using Berth.Oci;

namespace Berth.Import;

/// <summary>A volume of registry:2 in a folder.</summary>
/// <param name="root">The folder <c>docker/registry/v2</c> of it.</param>
internal sealed class FolderVolume(string root) : RegistryVolume
{
    /// <summary>What can't be read is an error: nothing may be left out without a word.</summary>
    private static readonly EnumerationOptions EachOnce = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    public override string Name => root;

    public override string? Folder => root;

    public override string? FileOf(Digest digest) => Path.Combine(root, PathOf(digest));

    protected override IAsyncEnumerable<VolumeFile> ListAsync(string under, CancellationToken cancellation) =>
        List(under, cancellation).ToAsyncEnumerable();

    protected override async Task<byte[]?> ReadAsync(string path, int mostBytes, CancellationToken cancellation)
    {
        if (Open(path) is not { } file) return null;
        await using (file)
        {
            var content = new byte[Math.Min(mostBytes, file.Length)];
            var count = await file.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellation);
            return content[..count];
        }
    }

    protected override ValueTask<long?> LengthOfAsync(string path, CancellationToken cancellation) =>
        ValueTask.FromResult(FileLength.Of(Path.Combine(root, path)));

    protected override Task<BlobContent?> OpenAsync(string path, long length, CancellationToken cancellation) =>
        Task.FromResult<BlobContent?>(FileLength.Of(Path.Combine(root, path)) is null
            ? null
            : new FileBlobContent(File.OpenHandle(
                Path.Combine(root, path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
                FileOptions.Asynchronous)));

    /// <summary>Depth first, so that a repository's own files come together, before those of repositories below it.
    /// </summary>
    private IEnumerable<VolumeFile> List(string under, CancellationToken cancellation)
    {
        var waiting = new Stack<string>([under.TrimEnd('/')]);
        while (waiting.TryPop(out var folder))
        {
            cancellation.ThrowIfCancellationRequested();
            var folders = new List<string>();
            foreach (var entry in Entries(folder))
            {
                var path = $"{folder}/{entry.Name}";
                // It could lead around in a circle.
                if (entry.LinkTarget is not null && Directory.Exists(entry.FullName)) continue;
                if (entry.LinkTarget is not null)
                    yield return new VolumeFile(path, FileLength.Of(entry.FullName) ?? 0, entry.LastWriteTimeUtc);
                else if (entry is FileInfo file)
                    yield return new VolumeFile(path, file.Length, file.LastWriteTimeUtc);
                else
                    folders.Add(path);
            }

            // The stack turns the order around: what begins with an underscore comes first.
            folders.Sort((one, other) => Rank(other) is var after && Rank(one) is var before && before != after
                ? after - before
                : string.CompareOrdinal(other, one));
            foreach (var path in folders) waiting.Push(path);
        }
    }

    private static int Rank(string path) => path[path.LastIndexOf('/') + 1] == '_' ? 0 : 1;

    /// <summary>A registry that is running may remove a folder at any moment.</summary>
    private List<FileSystemInfo> Entries(string folder)
    {
        try
        {
            return [.. new DirectoryInfo(Path.Combine(root, folder)).EnumerateFileSystemInfos("*", EachOnce)];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    private FileStream? Open(string path)
    {
        try
        {
            return new FileStream(
                Path.Combine(root, path), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete,
                bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
