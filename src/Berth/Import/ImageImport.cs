using Berth.Oci;

namespace Berth.Import;

/// <summary>
/// Brings the images of an archive to a registry: of each its children, then its blobs, then itself, and its tag with
/// it. So a tag is moved only if all of its image is there; an archive without some blobs does where these are there.
/// </summary>
internal sealed class ImageImport(ImageArchive archive, ImageSink sink, ImportProgress progress)
{
    private const int ParallelBlobs = 4;
    private const int MaxReferences = 100_000;

    /// <summary>Nobody nests indexes so deep.</summary>
    private const int MaxDepth = 16;

    private readonly HashSet<(RepositoryName, Digest)> taken = [];

    /// <exception cref="InvalidDataException">
    /// An image can't be brought. Those before it are there; of it and those after it no tag was moved. A tag that a
    /// rule keeps elsewhere is no reason: it is noted, and its image is there by its digest.
    /// </exception>
    public async Task RunAsync(IReadOnlyList<ImageTarget> targets, CancellationToken cancellation)
    {
        progress.Find(0, targets.Count(target => target.Tag is not null));
        var files = archive.Digests().Select(archive.Find).OfType<BlobSource>().ToList();
        progress.Total = (files.Count, files.Sum(file => file.SizeBytes));
        foreach (var target in targets)
        {
            await TakeAsync(target.Repository, target.Image.Digest, target.Tag, depth: 0, cancellation);
        }

        foreach (var _ in targets.Select(target => target.Repository).Distinct()) progress.AddRepository();
    }

    private async Task TakeAsync(
        RepositoryName repository, Digest digest, Tag? tag, int depth, CancellationToken cancellation)
    {
        var isNew = taken.Add((repository, digest));
        if (!isNew && tag is null) return;
        if (depth > MaxDepth) throw new InvalidDataException($"indexes in {archive.Name} are nested too deep");
        var body = await archive.ReadAsync(digest, sink.MaxManifestBytes, cancellation)
            ?? throw new InvalidDataException($"the manifest {digest} is missing in {archive.Name}");
        if (Digest.Of(digest.Algorithm, body) != digest)
            throw new InvalidDataException($"the content of {digest} in {archive.Name} is not what its digest says");
        Manifest manifest;
        try
        {
            manifest = Manifest.Parse(body, contentType: null, MaxReferences);
        }
        catch (ManifestFormatException e)
        {
            throw new InvalidDataException($"{digest} in {archive.Name} is no manifest: {e.Message}", e);
        }

        foreach (var child in manifest.References.Where(r => r.Kind == ReferenceKind.Child).Select(r => r.Target)
            .DistinctBy(child => child.Digest))
        {
            if (MayBeManifest(child.MediaType) && await IsManifestAsync(child.Digest, cancellation))
                await TakeAsync(repository, child.Digest, tag: null, depth + 1, cancellation);
            else if (!MediaTypes.IsManifest(child.MediaType))
                await TakeBlobAsync(repository, child.Digest, cancellation);
        }

        var blobs = ReferencesOf(manifest, ReferenceKind.Config).Concat(ReferencesOf(manifest, ReferenceKind.Layer));
        await Parallel.ForEachAsync(
            blobs, new ParallelOptions { MaxDegreeOfParallelism = ParallelBlobs, CancellationToken = cancellation },
            (blob, stop) => TakeBlobAsync(repository, blob, stop));
        if (await sink.PutManifestAsync(repository, digest, manifest, body, tag, cancellation) is { } reason)
        {
            progress.Note(NoteKinds.KeptTag, $"{repository}:{tag}", reason);
            if (isNew) await sink.PutManifestAsync(repository, digest, manifest, body, tag: null, cancellation);
        }
        else if (tag is not null)
        {
            progress.AddTags(1);
        }

        if (!isNew) return;
        progress.Find(1, 0);
        progress.AddManifest(body.Length);
    }

    /// <summary>Build caches list blobs in an index, whose types don't end like that of any manifest.</summary>
    private static bool MayBeManifest(string mediaType) =>
        mediaType.Length == 0 || MediaTypes.IsManifest(mediaType)
        || mediaType.EndsWith("+json", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether a child of an index is in the archive: one of another platform may be left out, and the registry says
    /// whether it needs it.
    /// </summary>
    private async Task<bool> IsManifestAsync(Digest digest, CancellationToken cancellation) =>
        archive.Find(digest) is { } found && found.SizeBytes <= sink.MaxManifestBytes
        && await archive.ReadAsync(digest, sink.MaxManifestBytes, cancellation) is [(byte)'{', ..];

    private async ValueTask TakeBlobAsync(RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await sink.HasAsync(repository, digest, cancellation)) return;

        // What a registry must not have, such as layers under a licence, is refused or not by the registry.
        if (archive.Find(digest) is not { } blob) return;
        await sink.PutAsync(repository, blob, progress.AddBytes, cancellation);
        progress.AddBlob(isLinked: false);
    }

    private static IEnumerable<Digest> ReferencesOf(Manifest manifest, ReferenceKind kind) =>
        manifest.References.Where(reference => reference.Kind == kind).Select(reference => reference.Target.Digest)
            .Distinct();
}
