using Berth.Disk;

namespace Berth.Blobs;

/// <summary>A file beside the blobs.</summary>
internal sealed record StoredFile(string Key, long SizeBytes);

/// <summary>
/// Small files that a store keeps beside the blobs, by keys such as <c>journal/1</c>. Methods throw an <see
/// cref="IOException"/> if the store can't serve them right now.
/// </summary>
internal abstract class StoreFiles
{
    /// <summary>The files of a folder, whose name ends with a slash, in the order of their keys.</summary>
    public abstract Task<List<StoredFile>> ListAsync(string folder, CancellationToken cancellation);

    /// <summary>A file; null if there is none.</summary>
    /// <param name="key">Which.</param>
    /// <param name="mostBytes">More of it is not read.</param>
    /// <param name="cancellation">Cancels.</param>
    public abstract Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation);

    /// <summary>Writes a file, whole or not at all. It then survives a power cut.</summary>
    public abstract Task WriteAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation);

    /// <summary>Deletes a file, if it exists.</summary>
    public abstract Task DeleteAsync(string key, CancellationToken cancellation);
}

/// <summary>Files in a folder that one process writes to.</summary>
/// <param name="root">The folder.</param>
/// <param name="freshName">
/// The name of a file on its way. There is one at a time, so that a killed process leaves only that.
/// </param>
internal sealed class FolderFiles(string root, string freshName = "berth.file.new") : StoreFiles
{
    public override Task<List<StoredFile>> ListAsync(string folder, CancellationToken cancellation)
    {
        var path = new DirectoryInfo(Path.Combine(root, folder));
        return Task.FromResult(!path.Exists ? [] : path.EnumerateFiles()
            .Select(file => new StoredFile(folder + file.Name, file.Length))
            .OrderBy(file => file.Key, StringComparer.Ordinal).ToList());
    }

    public override async Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation)
    {
        try
        {
            await using var file = File.OpenRead(Path.Combine(root, key));
            var content = new byte[Math.Min(file.Length, mostBytes)];
            await file.ReadExactlyAsync(content, cancellation);
            return content;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>A new folder is private: what is in it says who pushed what.</summary>
    public override async Task WriteAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        var (path, fresh) = (Path.Combine(root, key), Path.Combine(root, freshName));
        var folder = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(
                folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            DiskSync.Folder(root);
        }

        using (var file = File.OpenHandle(fresh, FileMode.Create, FileAccess.Write))
        {
            await RandomAccess.WriteAsync(file, content, fileOffset: 0, cancellation);
            DiskSync.File(file, fresh);
        }

        File.Move(fresh, path, overwrite: true);
        DiskSync.Folder(folder);
    }

    public override Task DeleteAsync(string key, CancellationToken cancellation)
    {
        File.Delete(Path.Combine(root, key));
        return Task.CompletedTask;
    }
}

/// <summary>Files in a bucket or a container.</summary>
internal sealed class ObjectFiles(ObjectStore objects) : StoreFiles
{
    public override async Task<List<StoredFile>> ListAsync(string folder, CancellationToken cancellation)
    {
        var files = new List<StoredFile>();
        await foreach (var found in objects.ListAsync(folder, cancellation))
            files.Add(new StoredFile(found.Key, found.SizeBytes));
        files.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        return files;
    }

    public override Task<byte[]?> ReadAsync(string key, int mostBytes, CancellationToken cancellation) =>
        objects.ReadSmallAsync(key, mostBytes, cancellation);

    public override async Task WriteAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        using var buffer = new PartBuffer();
        buffer.Append(content.Span);
        await objects.PutAsync(key, buffer, cancellation);
    }

    public override Task DeleteAsync(string key, CancellationToken cancellation) =>
        objects.DeleteAsync(key, cancellation);
}
