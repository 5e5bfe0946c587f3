using Berth.Oci;

namespace Berth.Import;

/// <summary>
/// What was exported before, and so is on the other side: the digests of manifests and blobs, and which of them have
/// which names. As a file it has a digest in each line, and the name after it.
/// </summary>
internal sealed class ExportedList
{
    /// <summary>A list that is longer is something else, in bytes.</summary>
    private const int MaxBytes = 256 << 20;

    private readonly HashSet<Digest> digests = [];
    private readonly HashSet<(Digest Digest, string Name)> images = [];

    public bool Has(Digest digest) => digests.Contains(digest);

    public bool Has(LayoutEntry entry) => images.Contains((entry.Digest, NameOf(entry)));

    public void Add(Digest digest) => digests.Add(digest);

    public void Add(Digest digest, string name)
    {
        digests.Add(digest);
        images.Add((digest, name));
    }

    public void Add(ExportedList other)
    {
        digests.UnionWith(other.digests);
        images.UnionWith(other.images);
    }

    /// <summary>What an image is called: <c>acme/app:1</c>, or its repository if it has no tag.</summary>
    public static string NameOf(LayoutEntry entry) =>
        entry.Tag is { } tag ? $"{entry.Repository}:{tag}" : entry.Repository.Text;

    /// <summary>Reads an earlier export, its list, or digests that somebody has gathered.</summary>
    /// <param name="path">An archive, a layout or a file.</param>
    /// <param name="withImages">Whether images that have not changed since are known, too; false: only content.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">It is none of these.</exception>
    public async Task ReadAsync(string path, bool withImages, CancellationToken cancellation)
    {
        if (!Path.Exists(path)) throw new InvalidDataException($"there is no {path}");
        if (File.Exists(path) && new FileInfo(path).Length <= MaxBytes
            && await ReadLinesAsync(path, cancellation) is { } lines)
        {
            digests.UnionWith(lines.Select(line => line.Digest));
            if (withImages) images.UnionWith(lines.Where(line => line.Name.Length > 0));
            return;
        }

        using var archive = await ImageArchive.OpenAsync(path, cancellation);
        digests.UnionWith(archive.Digests());
        if (!withImages) return;
        foreach (var image in archive.Images)
        {
            if ((image.Name ?? image.Repository) is { } name) Add(image.Digest, name);
        }
    }

    /// <summary>Writes it as a file, whole or not at all.</summary>
    public async Task WriteAsync(string path, CancellationToken cancellation)
    {
        var named = images.ToLookup(image => image.Digest, image => image.Name);
        var fresh = $"{path}.partial";
        try
        {
            await File.WriteAllLinesAsync(
                fresh,
                digests.OrderBy(digest => digest.Text, StringComparer.Ordinal).SelectMany(digest =>
                    named[digest].Order(StringComparer.Ordinal).Select(name => $"{digest} {name}")
                        .DefaultIfEmpty(digest.Text)),
                cancellation);
            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }

    /// <summary>Null if it is something else.</summary>
    private static async Task<List<(Digest Digest, string Name)>?> ReadLinesAsync(
        string path, CancellationToken cancellation)
    {
        var all = new List<(Digest, string)>();
        await foreach (var line in File.ReadLinesAsync(path, cancellation))
        {
            if (line.Length == 0) continue;
            var parts = line.Trim().Split(' ', 2);
            if (!Digest.TryParse(parts[0], out var digest)) return null;
            all.Add((digest, parts.Length == 2 ? parts[1].Trim() : ""));
        }

        return all;
    }
}
