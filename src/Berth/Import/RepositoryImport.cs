using System.Collections.Concurrent;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Import;

/// <summary>What an import works with.</summary>
internal sealed record ImportParts(
    Database Database, ManifestWriter Writer, BlobIntake Blobs, TagIntake Tags, LimitSettings Limits,
    ValidationSettings Validation);

/// <summary>
/// Takes one repository of a volume: for each manifest its children, then its blobs, then itself; and the tags once all
/// manifests are here. What is here already is passed over, so that a second run is short.
/// </summary>
internal sealed class RepositoryImport(
    ImportParts parts, RegistryVolume volume, VolumeRepository files, RepositoryName repository, bool overwrites,
    ImportProgress progress)
{
    private const int ParallelBlobs = 4;
    private const int ParallelLinks = 16;

    /// <summary>Nobody nests indexes so deep.</summary>
    private const int MaxDepth = 16;

    /// <summary>How often a manifest is tried whose blobs a collection removed before it was there.</summary>
    private const int Attempts = 3;

    /// <summary>When each manifest was pushed at the source.</summary>
    private readonly Dictionary<Digest, DateTimeOffset> revisions = [];

    /// <summary>Whether a manifest is here now.</summary>
    private readonly Dictionary<Digest, bool> taken = [];

    /// <summary>Blobs that are not what they should be, with what was said of them.</summary>
    private readonly ConcurrentDictionary<Digest, string> unusable = new();

    public async Task RunAsync(CancellationToken cancellation)
    {
        await ReadRevisionsAsync(cancellation);
        var tags = await ReadTagsAsync(cancellation);
        progress.Find(revisions.Count, tags.Count);
        await FindPresentAsync(cancellation);
        foreach (var digest in revisions.OrderBy(pair => pair.Value).Select(pair => pair.Key))
            await TakeAsync(digest, depth: 0, cancellation);
        foreach (var batch in tags.Chunk(TagIntake.Batch)) await TakeTagsAsync(batch, cancellation);
        if (files.Uploads > 0) Note(NoteKinds.Upload, "", $"{files.Uploads} uploads that are not finished");
        if (files.Legacy > 0)
            Note(NoteKinds.Legacy, "", $"{files.Legacy} files of a registry before 2.4, which nothing needs");
        progress.AddRepository();
    }

    private async Task ReadRevisionsAsync(CancellationToken cancellation)
    {
        foreach (var (file, digest) in await ReadLinksAsync(files.Revisions, cancellation))
        {
            if (digest is { } known) revisions[known] = file.WrittenAt;
            else Note(NoteKinds.InvalidLink, "", $"{file.Path} holds no digest");
        }
    }

    private async Task<List<ImportedTag>> ReadTagsAsync(CancellationToken cancellation)
    {
        var tags = new List<ImportedTag>();
        var links = await ReadLinksAsync(
            [.. files.Tags.Values.SelectMany(tag => tag.Earlier.Append(tag.Current!)).Where(file => file is not null)],
            cancellation);
        foreach (var (name, found) in files.Tags)
        {
            if (!Tag.TryParse(name, out var tag))
            {
                Note(NoteKinds.InvalidName, name, "no tag can have this name here");
                continue;
            }

            if (found.Current is null || links.GetValueOrDefault(found.Current) is not { } digest)
            {
                Note(NoteKinds.InvalidLink, name, "the file that says where the tag is holds no digest");
                continue;
            }

            var earlier = found.Earlier
                .Select(file => (Digest: links.GetValueOrDefault(file), file.WrittenAt))
                .Where(past => past.Digest is { } one && one != digest && revisions.ContainsKey(one))
                .OrderBy(past => past.WrittenAt);
            tags.Add(new ImportedTag(
                tag, digest, found.Current.WrittenAt,
                [.. earlier.Select(past => (past.Digest!.Value, past.WrittenAt))]));
        }

        return tags;
    }

    private async Task<Dictionary<VolumeFile, Digest?>> ReadLinksAsync(
        IReadOnlyCollection<VolumeFile> links, CancellationToken cancellation)
    {
        var digests = new ConcurrentDictionary<VolumeFile, Digest?>();
        await Parallel.ForEachAsync(
            links, Options(ParallelLinks, cancellation),
            async (file, stop) => digests[file] = await volume.ReadLinkAsync(file.Path, stop));
        return new Dictionary<VolumeFile, Digest?>(digests);
    }

    private async Task FindPresentAsync(CancellationToken cancellation)
    {
        foreach (var digests in revisions.Keys.Chunk(1000))
        {
            var present = await parts.Database.ReadAsync(
                async session => await RepositoryTable.FindAsync(session, repository) is { } id
                    ? await ManifestTable.FindAllAsync(session, id, digests) : [],
                cancellation);
            foreach (var digest in present) taken[digest] = true;
        }
    }

    /// <summary>Takes a manifest with all that it needs. False if it can't be taken, which was noted.</summary>
    private async Task<bool> TakeAsync(Digest digest, int depth, CancellationToken cancellation)
    {
        if (taken.TryGetValue(digest, out var isHere)) return isHere;
        taken[digest] = false;
        cancellation.ThrowIfCancellationRequested();
        if (depth > MaxDepth)
        {
            Note(NoteKinds.RefusedManifest, digest.Text, "indexes are nested too deep");
        }
        else if (await ReadAsync(digest, cancellation) is var (manifest, body))
        {
            foreach (var child in manifest.References.Where(r => r.Kind == ReferenceKind.Child))
            {
                if (revisions.ContainsKey(child.Target.Digest))
                    await TakeAsync(child.Target.Digest, depth + 1, cancellation);
            }

            taken[digest] = await WriteAsync(digest, manifest, body, cancellation);
        }

        return taken[digest];
    }

    private async Task<(Manifest Manifest, byte[] Body)?> ReadAsync(Digest digest, CancellationToken cancellation)
    {
        if (await volume.FindAsync(digest, cancellation) is not { } blob)
        {
            Note(NoteKinds.MissingManifest, digest.Text, "its content is missing");
            return null;
        }

        if (blob.SizeBytes > parts.Limits.ManifestBytes)
        {
            Note(NoteKinds.RefusedManifest, digest.Text,
                $"it has {blob.SizeBytes} bytes, and at most {parts.Limits.ManifestBytes} are allowed "
                + "(limits.manifestbytes)");
            return null;
        }

        var body = await volume.ReadAsync(blob, cancellation) ?? [];
        if (Digest.Of(digest.Algorithm, body) != digest)
        {
            Note(NoteKinds.AlteredManifest, digest.Text, "its content is not what its digest says");
            return null;
        }

        try
        {
            return (Manifest.Parse(body, contentType: null, parts.Limits.ReferencesPerManifest), body);
        }
        catch (ManifestFormatException e)
        {
            Note(NoteKinds.RefusedManifest, digest.Text, e.Message);
            return null;
        }
    }

    private async Task<bool> WriteAsync(
        Digest digest, Manifest manifest, byte[] body, CancellationToken cancellation)
    {
        // Children that are no manifests are blobs: build caches list their layers there.
        var blobs = manifest.References
            .Where(r => r.Kind is ReferenceKind.Config or ReferenceKind.Layer or ReferenceKind.Child
                && !r.NamesManifest)
            .Select(r => r.Target.Digest).Distinct().Where(blob => !revisions.ContainsKey(blob)).ToList();
        var push = new ManifestPush(repository, digest, body, null, [], null, TagIntake.Actor);
        ManifestResult result;
        var attempt = 0;
        do
        {
            await Parallel.ForEachAsync(blobs, Options(ParallelBlobs, cancellation), TakeBlobAsync);
            result = await parts.Writer.WriteAsync(push, cancellation);
        }
        while (result.Refusal == ManifestRefusal.ReferencesUnknown && ++attempt < Attempts
            && result.Missing.Select(Digest.Parse).All(one => blobs.Contains(one) && !unusable.ContainsKey(one)));
        if (result.Refusal == ManifestRefusal.None)
        {
            await parts.Database.WriteAsync(
                async session =>
                {
                    await ImportedRows.SetPushedAsync(
                        session, repository, digest, revisions[digest], TagIntake.Actor.Name);
                    return true;
                },
                isDurable: false, cancellation);
            progress.AddManifest(body.Length);
            return true;
        }

        if (result.Refusal == ManifestRefusal.Invalid) Note(NoteKinds.RefusedManifest, digest.Text, result.Reason);
        foreach (var missing in result.Missing) NoteMissing(digest, manifest, Digest.Parse(missing));
        return false;
    }

    private void NoteMissing(Digest digest, Manifest manifest, Digest missing)
    {
        var (kind, reason) = revisions.ContainsKey(missing)
            ? (NoteKinds.MissingManifest, "was not taken either; its own row says why")
            : manifest.References.Any(r => r.NamesManifest && r.Target.Digest == missing)
            ? (NoteKinds.MissingManifest, "is not in the repository")
            : (NoteKinds.MissingBlob, unusable.GetValueOrDefault(missing, "is missing"));
        Note(kind, digest.Text, $"was not taken: {missing} {reason}");
    }

    private async ValueTask TakeBlobAsync(Digest digest, CancellationToken cancellation)
    {
        if (unusable.ContainsKey(digest)) return;
        if (await FindBlobAsync(digest, cancellation) is not { } blob)
        {
            unusable[digest] = "is missing";
            return;
        }

        var source = new BlobSource(
            digest, blob.SizeBytes, volume.FileOf(blob.Digest),
            async (output, stop) =>
            {
                using var content = await volume.OpenAsync(blob, stop)
                    ?? throw new IOException($"{blob.Digest} was removed from {volume.Name}");
                await content.CopyToAsync(output, 0, content.Length, stop);
            });
        var read = 0L;
        var result = await parts.Blobs.TakeAsync(
            repository, source, TagIntake.Actor.Name,
            count =>
            {
                Interlocked.Add(ref read, count);
                progress.AddBytes(count);
            },
            cancellation);
        if (result is BlobIntakeResult.Copied or BlobIntakeResult.Linked)
        {
            progress.AddBlob(result == BlobIntakeResult.Linked);
            return;
        }

        progress.AddBytes(-read);
        if (result == BlobIntakeResult.Altered)
        {
            unusable[digest] = "has other content than its digest says";
            Note(NoteKinds.AlteredBlob, digest.Text, "its content is not what its digest says");
        }
        else if (result == BlobIntakeResult.TooLarge)
        {
            unusable[digest] = "is too large";
            Note(NoteKinds.LargeBlob, digest.Text,
                $"it has {blob.SizeBytes} bytes, more than limits.maximumuploadbytes");
        }
    }

    /// <summary>A blob under its digest, or under another one that the repository's link leads to.</summary>
    private async Task<VolumeBlob?> FindBlobAsync(Digest digest, CancellationToken cancellation)
    {
        if (await volume.FindAsync(digest, cancellation) is { } blob) return blob;
        return files.Layers.TryGetValue(digest, out var path)
            && await volume.ReadLinkAsync(path, cancellation) is { } content && content != digest
                ? await volume.FindAsync(content, cancellation)
                : null;
    }

    private async Task TakeTagsAsync(IReadOnlyList<ImportedTag> batch, CancellationToken cancellation)
    {
        var result = await parts.Tags.TakeAsync(repository, batch, overwrites, cancellation);

        // A collection may have removed a manifest that was here when the import looked.
        var gone = result.Missing.FindAll(tag => taken.GetValueOrDefault(tag.Digest));
        if (gone.Count > 0)
        {
            foreach (var tag in gone) taken.Remove(tag.Digest);
            foreach (var tag in gone) await TakeAsync(tag.Digest, depth: 0, cancellation);
            var again = await parts.Tags.TakeAsync(repository, gone, overwrites, cancellation);
            result.Missing.RemoveAll(gone.Contains);
            result.Missing.AddRange(again.Missing);
            result.Kept.AddRange(again.Kept);
            result = result with { Moved = result.Moved + again.Moved };
        }

        progress.AddTags(result.Moved);
        foreach (var (tag, reason) in result.Kept) Note(NoteKinds.KeptTag, tag.Tag.Text, reason);
        foreach (var tag in result.Missing)
        {
            Note(NoteKinds.DanglingTag, tag.Tag.Text, revisions.ContainsKey(tag.Digest)
                ? $"its manifest {tag.Digest} was not taken; its own row says why"
                : $"its manifest {tag.Digest} is not in the repository");
        }
    }

    private void Note(string kind, string subject, string detail)
    {
        var separator = subject.Length == 0 ? "" : subject.Contains(':', StringComparison.Ordinal) ? "@" : ":";
        progress.Note(kind, $"{repository}{separator}{subject}", detail);
    }

    private static ParallelOptions Options(int count, CancellationToken cancellation) =>
        new() { MaxDegreeOfParallelism = count, CancellationToken = cancellation };
}
