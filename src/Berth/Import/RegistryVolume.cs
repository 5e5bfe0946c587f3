using System.Runtime.CompilerServices;
using System.Text;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Import;

/// <summary>A file of a volume.</summary>
/// <param name="Path">Its path below <c>docker/registry/v2/</c>.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="WrittenAt">When it was last written.</param>
internal sealed record VolumeFile(string Path, long SizeBytes, DateTimeOffset WrittenAt);

/// <summary>A blob of a volume: a layer, a config or a manifest.</summary>
internal sealed record VolumeBlob(Digest Digest, long SizeBytes);

/// <summary>
/// What a registry:2 or registry:3 keeps, as it has it in a folder or in a bucket:
/// <code>
/// blobs/sha256/ab/abcdef…/data                             layers, configs and manifests
/// repositories/a/b/_manifests/revisions/sha256/…/link      a manifest of the repository a/b
/// repositories/a/b/_manifests/tags/1/current/link          where a tag is
/// repositories/a/b/_manifests/tags/1/index/sha256/…/link   where it has been
/// repositories/a/b/_layers/sha256/…/link                   a blob of the repository
/// repositories/a/b/_uploads/…                              an upload that goes on
/// </code>
/// A link holds a digest, nothing else. The registry may be running meanwhile: nothing is written here.
/// </summary>
internal abstract class RegistryVolume : IDisposable
{
    /// <summary>Longer ones are no links: it holds the digest of a blob.</summary>
    private const int MaxLinkBytes = 256;

    private const string Blobs = "blobs/";
    private const string Repositories = "repositories/";

    /// <summary>Where it is, for messages.</summary>
    public abstract string Name { get; }

    /// <summary>The folder that it is in; null if it is in a bucket.</summary>
    public virtual string? Folder => null;

    /// <summary>Its repositories, one after the other, with what their folders hold.</summary>
    public async IAsyncEnumerable<VolumeRepository> RepositoriesAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        VolumeRepository? current = null;
        await foreach (var file in ListAsync(Repositories, cancellation))
        {
            // The folders that a registry itself makes are those that begin with an underscore: no name does.
            var path = file.Path[Repositories.Length..];
            var end = path.IndexOf("/_", StringComparison.Ordinal);
            if (end <= 0) continue;
            if (current?.Name != path[..end])
            {
                if (current is not null) yield return current;
                current = new VolumeRepository(path[..end]);
            }

            current.Add(file, path[(end + 1)..].Split('/'));
        }

        if (current is not null) yield return current;
    }

    /// <summary>All its blobs, whether anything needs them or not.</summary>
    public async IAsyncEnumerable<VolumeBlob> BlobsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var file in ListAsync(Blobs, cancellation))
        {
            if (file.Path.Split('/') is [_, var algorithm, _, var hex, "data"]
                && Digest.TryParse($"{algorithm}:{hex}", out var digest))
            {
                yield return new VolumeBlob(digest, file.SizeBytes);
            }
        }
    }

    /// <summary>The digest in a link; null if there is none, or it holds something else.</summary>
    public async Task<Digest?> ReadLinkAsync(string path, CancellationToken cancellation) =>
        await ReadAsync(path, MaxLinkBytes, cancellation) is { } content
        && Digest.TryParse(Encoding.UTF8.GetString(content).Trim(), out var digest)
            ? digest
            : null;

    /// <summary>A blob; null if it is not there.</summary>
    public async Task<VolumeBlob?> FindAsync(Digest digest, CancellationToken cancellation) =>
        await LengthOfAsync(PathOf(digest), cancellation) is { } length ? new VolumeBlob(digest, length) : null;

    /// <summary>A small blob's bytes, as they are; null if it is not there any more.</summary>
    public Task<byte[]?> ReadAsync(VolumeBlob blob, CancellationToken cancellation) =>
        ReadAsync(PathOf(blob.Digest), checked((int)blob.SizeBytes), cancellation);

    /// <summary>Opens a blob; null if it is not there any more.</summary>
    public Task<BlobContent?> OpenAsync(VolumeBlob blob, CancellationToken cancellation) =>
        OpenAsync(PathOf(blob.Digest), blob.SizeBytes, cancellation);

    /// <summary>The file that a blob is in; null if it is in a bucket.</summary>
    public virtual string? FileOf(Digest digest) => null;

    public virtual void Dispose()
    {
    }

    protected static string PathOf(Digest digest) =>
        $"{Blobs}{digest.Text.AsSpan(0, 6)}/{digest.Hex.AsSpan(0, 2)}/{digest.Hex}/data";

    /// <summary>All files below a folder; those of one folder are not mixed with those of others.</summary>
    protected abstract IAsyncEnumerable<VolumeFile> ListAsync(string under, CancellationToken cancellation);

    /// <summary>The beginning of a file; null if there is none.</summary>
    protected abstract Task<byte[]?> ReadAsync(string path, int mostBytes, CancellationToken cancellation);

    protected abstract ValueTask<long?> LengthOfAsync(string path, CancellationToken cancellation);

    protected abstract Task<BlobContent?> OpenAsync(string path, long length, CancellationToken cancellation);
}

/// <summary>What the folder of a repository in a volume holds.</summary>
internal sealed class VolumeRepository(string name)
{
    public string Name => name;

    /// <summary>The links of its manifests.</summary>
    public List<VolumeFile> Revisions { get; } = [];

    /// <summary>Its tags by their names.</summary>
    public Dictionary<string, VolumeTag> Tags { get; } = new(StringComparer.Ordinal);

    /// <summary>The links of its blobs, by the digests that their paths name.</summary>
    public Dictionary<Digest, string> Layers { get; } = [];

    /// <summary>Uploads that are not finished.</summary>
    public int Uploads { get; private set; }

    /// <summary>Files of registries before 2.4, which are not needed.</summary>
    public int Legacy { get; private set; }

    /// <param name="file">A file in its folder.</param>
    /// <param name="path">The path there.</param>
    public void Add(VolumeFile file, string[] path)
    {
        switch (path)
        {
            case ["_manifests", "revisions", _, _, "link"]:
                Revisions.Add(file);
                break;
            case ["_manifests", "tags", var tag, "current", "link"]:
                TagOf(tag).Current = file;
                break;
            case ["_manifests", "tags", var tag, "index", _, _, "link"]:
                TagOf(tag).Earlier.Add(file);
                break;
            case ["_layers", var algorithm, var hex, "link"]
                when Digest.TryParse($"{algorithm}:{hex}", out var digest):
                Layers[digest] = file.Path;
                break;
            case ["_uploads", _, "startedat"]:
                Uploads++;
                break;
            case ["_manifests", "revisions", _, _, "signatures", ..] or ["_layers", "tarsum", ..]:
                Legacy++;
                break;
        }
    }

    private VolumeTag TagOf(string tag)
    {
        if (!Tags.TryGetValue(tag, out var found)) Tags[tag] = found = new VolumeTag();
        return found;
    }
}

/// <summary>The files of a tag.</summary>
internal sealed class VolumeTag
{
    /// <summary>Where it is; null if only its past is left.</summary>
    public VolumeFile? Current { get; set; }

    /// <summary>Where it has been, which includes where it is.</summary>
    public List<VolumeFile> Earlier { get; } = [];
}
