using System.Collections.Concurrent;
using Berth.Oci;
using Berth.Registry;

namespace Berth.Import;

/// <summary>Copies the images of one repository.</summary>
internal sealed class RepositoryCopy(
    RegistryCopy copy, CopiedRepository repository, CancellationToken cancellation)
{
    private const int MaxReferences = 100_000;

    /// <summary>Nobody nests indexes so deep.</summary>
    private const int MaxDepth = 16;

    /// <summary>How often a manifest is tried whose blobs a collection removed before it was there.</summary>
    private const int Attempts = 2;

    /// <summary>The children of each manifest that is here now. A digest has one task, whoever needs it.</summary>
    private readonly ConcurrentDictionary<Digest, Lazy<Task<List<Digest>>>> taken = new();

    private readonly ConcurrentDictionary<string, bool> begun = new(StringComparer.Ordinal);

    /// <summary>Tags that attach something come last: what they are about is there then.</summary>
    public async Task RunAsync()
    {
        foreach (var group in repository.Tags.GroupBy(tag => AttachmentTag.SubjectOf(tag.Text) is not null)
            .OrderBy(group => group.Key))
        {
            await copy.EachAsync(
                group,
                async tag =>
                {
                    await copy.InPlaceAsync(() => TakeTagAsync(tag), cancellation);
                    copy.Progress.EndTag();
                },
                cancellation);
        }
    }

    private async Task TakeTagAsync(Tag tag)
    {
        if (!begun.TryAdd(tag.Text, true)) return;
        copy.Progress.Find(0, 1);
        try
        {
            await CopyTagAsync(tag);
        }
        catch (Exception e) when (IsOfImage(e))
        {
            copy.Fail(
                e is ManifestFormatException ? NoteKinds.RefusedManifest : NoteKinds.FailedImage,
                $"{repository.From}:{tag}", e.Message);
        }
    }

    /// <summary>Whether others may go well all the same.</summary>
    private bool IsOfImage(Exception e) => !cancellation.IsCancellationRequested && !DiskFull.IsCauseOf(e)
        && e is not (HttpRequestException or SourceException { IsUnreachable: true });

    private async Task CopyTagAsync(Tag tag)
    {
        var (from, to) = (repository.From, repository.To);
        FoundManifest? found = null;
        if (await copy.Source.FindDigestAsync(from, tag, cancellation) is not { } digest)
        {
            found = await copy.Source.FindAsync(from, new Reference(tag), cancellation)
                ?? throw new SourceException($"it is not at {copy.Source.Host} any more");
            digest = found.Digest;
        }

        var all = new HashSet<Digest>();
        await AddAllAsync(digest, found, all);
        await TakeReferrersAsync(all);
        var place = await copy.Sink.FindTagAsync(to, tag, cancellation);
        if (place != digest) await MoveAsync(tag, digest, place);
        foreach (var name in all.SelectMany(AttachmentTag.NamesFor).Where(IsAttached))
            await TakeTagAsync(Tag.Parse(name));
    }

    /// <summary>cosign's tags. The fallback's list is of what comes as referrers here.</summary>
    private bool IsAttached(string name) => name.Contains('.', StringComparison.Ordinal)
        && repository.All.Contains(name);

    private async Task MoveAsync(Tag tag, Digest digest, Digest? place)
    {
        if (place is not null && await copy.Keeps(repository.To, tag, cancellation) is { } reason)
        {
            copy.Progress.Note(NoteKinds.KeptTag, $"{repository.To}:{tag}", reason);
            return;
        }

        var here = await copy.Sink.FindManifestAsync(repository.To, digest, cancellation)
            ?? throw new InvalidDataException($"somebody has removed {digest} here meanwhile");
        var manifest = Manifest.Parse(here.Body, here.MediaType, MaxReferences);
        var kept = await copy.Sink.PutManifestAsync(
            repository.To, digest, manifest, here.Body, tag, cancellation);
        if (kept is null) copy.Progress.AddTags(1);
        else copy.Progress.Note(NoteKinds.KeptTag, $"{repository.To}:{tag}", kept);
    }

    /// <summary>Takes a manifest and all below it, and lists them.</summary>
    private async Task AddAllAsync(Digest digest, FoundManifest? found, HashSet<Digest> all)
    {
        if (!all.Add(digest)) return;
        foreach (var child in await TakeAsync(digest, found, depth: 0)) await AddAllAsync(child, found: null, all);
    }

    private Task<List<Digest>> TakeAsync(Digest digest, FoundManifest? found, int depth) => taken.GetOrAdd(
        digest, _ => new Lazy<Task<List<Digest>>>(() => TakeOnceAsync(digest, found, depth))).Value;

    /// <returns>The manifests that it lists.</returns>
    private async Task<List<Digest>> TakeOnceAsync(Digest digest, FoundManifest? found, int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException("indexes are nested too deep");
        copy.Progress.Find(1, 0);
        var here = await copy.Sink.FindManifestAsync(repository.To, digest, cancellation);
        found = here ?? found
            ?? await copy.Source.FindAsync(repository.From, new Reference(digest), cancellation)
            ?? throw new SourceException($"the manifest {digest} is not at {copy.Source.Host}");
        if (found.Body.Length > copy.Sink.MaxManifestBytes)
            throw new InvalidDataException($"the manifest {digest} is larger than {copy.Sink.MaxManifestBytes} bytes");
        var manifest = Manifest.Parse(
            found.Body, found.MediaType.Length > 0 ? found.MediaType : null, MaxReferences);
        var blobs = manifest.References.Where(r => r.Kind is ReferenceKind.Config or ReferenceKind.Layer)
            .Select(r => r.Target).ToList();
        var children = new List<Digest>();
        foreach (var target in manifest.References.Where(r => r.Kind == ReferenceKind.Child).Select(r => r.Target))
        {
            if (await IsManifestAsync(target, here is not null, depth)) children.Add(target.Digest);
            else blobs.Add(target);
        }

        foreach (var child in children) await TakeAsync(child, found: null, depth + 1);
        if (here is null) await WriteAsync(found, manifest, [.. blobs.DistinctBy(blob => blob.Digest)]);
        return children;
    }

    /// <summary>
    /// Whether a child is a manifest that can be had: build caches list their layers as children, and some images of
    /// an index may be missing.
    /// </summary>
    private async Task<bool> IsManifestAsync(Descriptor child, bool isHere, int depth)
    {
        if (taken.ContainsKey(child.Digest)) return true;
        if (isHere) return await copy.Sink.FindManifestAsync(repository.To, child.Digest, cancellation) is not null;
        if (child.SizeBytes > copy.Sink.MaxManifestBytes || child.MediaType.Contains("layer", StringComparison.Ordinal))
            return false;
        if (await copy.Source.FindAsync(repository.From, new Reference(child.Digest), cancellation) is not { } found)
            return false;
        if (found.Body.Length != child.SizeBytes)
        {
            throw new SourceException(
                $"the manifest {child.Digest} has {found.Body.Length} bytes, and its index says {child.SizeBytes}");
        }

        await TakeAsync(child.Digest, found, depth + 1);
        return true;
    }

    private async Task WriteAsync(FoundManifest found, Manifest manifest, List<Descriptor> blobs)
    {
        for (var attempt = 1; ; attempt++)
        {
            var missing = new ConcurrentBag<Digest>();
            await copy.EachAsync(
                blobs,
                async blob =>
                {
                    if (!await copy.TakeBlobAsync(repository, blob, cancellation)) missing.Add(blob.Digest);
                },
                cancellation);
            try
            {
                await copy.Sink.PutManifestAsync(
                    repository.To, found.Digest, manifest, found.Body, tag: null, cancellation);
                copy.Progress.AddManifest(found.Body.Length);
                return;
            }
            catch (Exception e) when (!missing.IsEmpty && IsOfImage(e))
            {
                throw new SourceException(
                    $"{found.Digest} needs {string.Join(", ", missing)}, which is missing at {copy.Source.Host}", e);
            }
            catch (Exception e) when (attempt < Attempts && IsOfImage(e))
            {
                // What was there may be gone, if a collection came between.
            }
        }
    }

    /// <summary>Takes what refers to any of these, and what refers to that. One that fails does not stop the image.
    /// </summary>
    private async Task TakeReferrersAsync(HashSet<Digest> all)
    {
        var waiting = new Queue<Digest>(all);
        while (waiting.TryDequeue(out var subject))
        {
            var hasFallback = repository.All.Contains(subject.Text.Replace(':', '-'));
            var found = await copy.Source.ReferrersAsync(repository.From, subject, hasFallback, cancellation);
            foreach (var digest in found.Where(digest => !all.Contains(digest)))
            {
                try
                {
                    await TakeReferrerAsync(digest, subject, all);
                    waiting.Enqueue(digest);
                }
                catch (Exception e) when (IsOfImage(e))
                {
                    copy.Fail(NoteKinds.FailedReferrer, $"{repository.From}@{digest}", e.Message);
                }
            }
        }
    }

    private async Task TakeReferrerAsync(Digest digest, Digest subject, HashSet<Digest> all)
    {
        var found = await copy.Sink.FindManifestAsync(repository.To, digest, cancellation)
            ?? await copy.Source.FindAsync(repository.From, new Reference(digest), cancellation)
            ?? throw new SourceException($"it is listed as a referrer, and is not at {copy.Source.Host}");
        var manifest = Manifest.Parse(found.Body, found.MediaType.Length > 0 ? found.MediaType : null, MaxReferences);
        if (manifest.Subject?.Digest != subject)
            throw new SourceException($"it is listed as a referrer of {subject}, and does not refer to it");
        await AddAllAsync(digest, found, all);
    }
}
