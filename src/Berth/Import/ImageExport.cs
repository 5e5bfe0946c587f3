using Berth.Metadata;
using Berth.Oci;

namespace Berth.Import;

/// <summary>What an export takes, or would take.</summary>
/// <param name="Manifests">Manifests.</param>
/// <param name="Blobs">Blobs.</param>
/// <param name="Bytes">The length of both.</param>
/// <param name="Known">Blobs that are left out, since the other side has them.</param>
/// <param name="Unchanged">Images that are left out, since the other side has them under the same names.</param>
internal sealed record ExportReport(long Manifests, long Blobs, long Bytes, long Known, long Unchanged);

/// <summary>
/// Takes images out of a registry with all that belongs to them: the children of an index, what refers to them, and
/// their blobs, except for those that the other side has.
/// </summary>
/// <param name="source">The registry.</param>
/// <param name="known">What the other side has: these blobs, and these images, are left out.</param>
internal sealed class ImageExport(ImageSource source, ExportedList known)
{
    private const int MaxReferences = 100_000;
    private const int MaxDepth = 16;

    private readonly List<LayoutEntry> entries = [];
    private readonly List<LoadableImage> loadable = [];
    private readonly Dictionary<Digest, FoundManifest> manifests = [];
    private readonly Dictionary<Digest, (RepositoryName Repository, long Bytes)> blobs = [];
    private readonly HashSet<Digest> left = [];
    private readonly List<LayoutEntry> unchanged = [];
    private readonly HashSet<(RepositoryName, Digest)> passed = [];
    private readonly List<string> missing = [];
    private long bytesRead;

    /// <summary>What indexes list and the registry does not have, one line each.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>How much has been written, in bytes.</summary>
    public long BytesWritten => Interlocked.Read(ref bytesRead);

    public ExportReport Report => new(
        manifests.Count, blobs.Count,
        manifests.Values.Sum(manifest => (long)manifest.Body.Length) + blobs.Values.Sum(blob => blob.Bytes),
        left.Count, unchanged.Count(entry => entry.Tag is not null));

    /// <summary>Whether the other side has all of it.</summary>
    public bool IsEmpty => entries.Count == 0;

    /// <summary>What the other side has once it has this export too.</summary>
    public ExportedList After
    {
        get
        {
            var after = new ExportedList();
            after.Add(known);
            foreach (var digest in manifests.Keys.Concat(blobs.Keys)) after.Add(digest);
            foreach (var entry in entries) after.Add(entry.Digest, ExportedList.NameOf(entry));
            return after;
        }
    }

    /// <summary>Finds an image, or all tagged ones of a repository, and what belongs to them.</summary>
    /// <param name="name">A repository, with a tag or a digest or without.</param>
    /// <param name="mayBeEmpty">Whether a repository without tags is passed over.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">There is no such image, or this is no name.</exception>
    public async Task AddAsync(string name, bool mayBeEmpty, CancellationToken cancellation)
    {
        var (repository, reference) = Read(name);
        if (reference is { } one)
        {
            await AddAsync(repository, one, cancellation);
            return;
        }

        var tags = await source.TagsAsync(repository, cancellation);
        if (tags.Count == 0 && !mayBeEmpty) throw new InvalidDataException($"there are no tags in {repository}");
        foreach (var tag in tags) await AddAsync(repository, new Reference(tag), cancellation);
    }

    /// <summary>Writes all that was found.</summary>
    public async Task WriteAsync(LayoutWriter writer, CancellationToken cancellation)
    {
        foreach (var manifest in manifests.Values)
        {
            using var body = new MemoryStream(manifest.Body);
            await writer.AddAsync(manifest.Digest, body, cancellation);
            Interlocked.Add(ref bytesRead, manifest.Body.Length);
        }

        foreach (var (digest, (repository, _)) in blobs)
        {
            var content = await source.OpenAsync(repository, digest, cancellation)
                ?? throw new InvalidDataException($"the blob {digest} of {repository} is missing");
            await using var stream = new HashedStream(content, digest, count => Interlocked.Add(ref bytesRead, count));
            await writer.AddAsync(digest, stream, cancellation);
        }

        await writer.CompleteAsync(entries, loadable, cancellation);
    }

    private static (RepositoryName Repository, Reference? Reference) Read(string name)
    {
        var at = name.IndexOf('@', StringComparison.Ordinal);
        var colon = at < 0 ? name.LastIndexOf(':') : at;
        Reference? reference = null;
        if (colon >= 0)
        {
            if (!Reference.TryParse(name.AsSpan(colon + 1), out var read))
                throw new InvalidDataException($"'{name[(colon + 1)..]}' is no tag and no digest");
            reference = read;
        }

        return RepositoryName.TryParse(name.AsSpan(0, colon < 0 ? name.Length : colon), out var repository)
            ? (repository, reference)
            : throw new InvalidDataException($"'{name}' is no image: write acme/app:1, or acme/app for all its tags");
    }

    private async Task AddAsync(RepositoryName repository, Reference reference, CancellationToken cancellation)
    {
        var found = await source.FindAsync(repository, reference, cancellation)
            ?? throw new InvalidDataException(
                $"there is no {repository}{(reference.Tag is null ? '@' : ':')}{reference}");
        var entry = new LayoutEntry(found.Digest, found.MediaType, found.Body.Length, repository, reference.Tag);
        if (entries.Contains(entry) || unchanged.Contains(entry)) return;
        if (known.Has(entry))
        {
            unchanged.Add(entry);
            await PassAsync(repository, found, depth: 0, cancellation);
            return;
        }

        entries.Add(entry);
        await TakeAsync(repository, found, depth: 0, cancellation);
        if (reference.Tag is { } tag) AddLoadable(found, $"{repository}:{tag}");
    }

    private async Task TakeAsync(
        RepositoryName repository, FoundManifest found, int depth, CancellationToken cancellation)
    {
        if (!manifests.TryAdd(found.Digest, found)) return;
        if (depth > MaxDepth) throw new InvalidDataException($"indexes of {repository} are nested too deep");
        var manifest = Manifest.Parse(found.Body, found.MediaType, MaxReferences);
        foreach (var reference in manifest.References)
        {
            var (kind, target) = reference;
            if (kind == ReferenceKind.Child)
            {
                await TakeChildAsync(repository, found, reference, depth, cancellation);
            }
            else if (kind is ReferenceKind.Config or ReferenceKind.Layer)
            {
                await AddBlobAsync(repository, target, cancellation);
            }
        }

        foreach (var digest in await source.ReferrersAsync(repository, found.Digest, cancellation))
        {
            if (manifests.ContainsKey(digest)
                || await source.FindAsync(repository, new Reference(digest), cancellation) is not { } referrer)
            {
                continue;
            }

            entries.Add(new LayoutEntry(digest, referrer.MediaType, referrer.Body.Length, repository, Tag: null));
            await TakeAsync(repository, referrer, depth + 1, cancellation);
        }
    }

    /// <summary>A child may be a blob, as in a build cache, or be missing, as in an index of few platforms.</summary>
    private async Task TakeChildAsync(
        RepositoryName repository, FoundManifest index, ManifestReference child, int depth,
        CancellationToken cancellation)
    {
        var digest = child.Target.Digest;
        if (await source.FindAsync(repository, new Reference(digest), cancellation) is { } found)
        {
            await TakeAsync(repository, found, depth + 1, cancellation);
            return;
        }

        if (!child.NamesManifest)
        {
            await using var content = await source.OpenAsync(repository, digest, cancellation);
            if (content is not null || known.Has(digest))
            {
                await AddBlobAsync(repository, child.Target, cancellation);
                return;
            }
        }

        var platform = child.Target.Platform is { } one ? $" ({one.Os}/{one.Architecture})" : "";
        missing.Add($"{repository}@{index.Digest} lists {digest}{platform}, which the repository does not have");
    }

    /// <summary>
    /// An image that the other side has is left out, but not what has come since to refer to it, such as a signature.
    /// </summary>
    private async Task PassAsync(
        RepositoryName repository, FoundManifest found, int depth, CancellationToken cancellation)
    {
        if (!passed.Add((repository, found.Digest)) || depth > MaxDepth) return;
        var manifest = Manifest.Parse(found.Body, found.MediaType, MaxReferences);
        foreach (var child in manifest.References.Where(reference => reference.Kind == ReferenceKind.Child))
        {
            if (await source.FindAsync(repository, new Reference(child.Target.Digest), cancellation) is { } one)
                await PassAsync(repository, one, depth + 1, cancellation);
        }

        foreach (var digest in await source.ReferrersAsync(repository, found.Digest, cancellation))
        {
            if (await source.FindAsync(repository, new Reference(digest), cancellation) is not { } referrer) continue;
            var entry = new LayoutEntry(digest, referrer.MediaType, referrer.Body.Length, repository, Tag: null);
            if (entries.Contains(entry) || unchanged.Contains(entry)) continue;
            if (known.Has(entry))
            {
                unchanged.Add(entry);
                await PassAsync(repository, referrer, depth + 1, cancellation);
                continue;
            }

            entries.Add(entry);
            await TakeAsync(repository, referrer, depth + 1, cancellation);
        }
    }

    private async Task AddBlobAsync(RepositoryName repository, Descriptor target, CancellationToken cancellation)
    {
        if (known.Has(target.Digest))
        {
            left.Add(target.Digest);
            return;
        }

        // Layers under a licence are not pushed, and clients fetch them from elsewhere.
        if (MediaTypes.IsNondistributable(target.MediaType))
        {
            await using var content = await source.OpenAsync(repository, target.Digest, cancellation);
            if (content is null) return;
        }

        blobs[target.Digest] = (repository, target.SizeBytes);
    }

    /// <summary>Of an index, the image for what docker runs on most of the time.</summary>
    private void AddLoadable(FoundManifest found, string name)
    {
        var manifest = Manifest.Parse(found.Body, found.MediaType, MaxReferences);
        if (MediaTypes.IsIndex(manifest.MediaType))
        {
            var children = manifest.References.Where(one => manifests.ContainsKey(one.Target.Digest)).ToList();
            var child = children.Find(one => one.Target.Platform is { Os: "linux", Architecture: "amd64" })
                ?? children.FirstOrDefault();
            if (child is not null) AddLoadable(manifests[child.Target.Digest], name);
            return;
        }

        var config = manifest.References.FirstOrDefault(reference => reference.Kind == ReferenceKind.Config);
        if (config?.Target.MediaType is not ("application/vnd.oci.image.config.v1+json"
            or "application/vnd.docker.container.image.v1+json"))
        {
            return;
        }

        var layers = manifest.References.Where(reference => reference.Kind == ReferenceKind.Layer);
        loadable.Add(new LoadableImage(config.Target.Digest, [.. layers.Select(layer => layer.Target.Digest)], name));
    }
}
