using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>Images to copy from one repository to another.</summary>
/// <param name="From">The first.</param>
/// <param name="To">The other.</param>
/// <param name="Tags">With these tags; null: all that there is, also what has no tag.</param>
/// <param name="Actor">Who copies.</param>
/// <param name="IsDryRun">Whether nothing is changed.</param>
internal sealed record ImageCopy(
    RepositoryName From, RepositoryName To, IReadOnlyList<string>? Tags, Actor Actor, bool IsDryRun);

/// <summary>What a copy brought, or why there is none: then nothing was changed.</summary>
/// <param name="Tags">How many tags are new there.</param>
/// <param name="Manifests">How many manifests are.</param>
/// <param name="Blobs">How many blobs they need, new there or not.</param>
internal sealed record ImageCopyResult(long Tags, long Manifests, long Blobs)
{
    /// <summary>Whether there is no such repository.</summary>
    public bool IsUnknown { get; init; }

    /// <summary>A tag that is not there.</summary>
    public string? MissingTag { get; init; }

    /// <summary>A tag that points elsewhere in the other repository.</summary>
    public string? TakenTag { get; init; }

    /// <summary>Whether there are more manifests than are copied at once.</summary>
    public bool IsTooMuch { get; init; }
}

/// <summary>
/// Copies images within the registry: links to the same blobs, in one transaction. What is there already stays, so a
/// copy may be repeated; no tag is ever moved by one.
/// </summary>
internal sealed class RepositoryCopying(
    RepositoryChanges changes, BlobTable blobs, Restoring restoring, Quotas quotas, TimeProvider clock)
{
    /// <summary>So many take some seconds, in which others wait on SQLite, and some 100 MB of memory.</summary>
    public const int MaxManifests = 50_000;

    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task<ImageCopyResult> CopyAsync(ImageCopy copy, CancellationToken cancellation)
    {
        var room = await quotas.OfAsync(copy.To, cancellation);
        try
        {
            return await changes.RunAsync(
                copy.To, RepositoryLock.Exclusive, isDurable: true,
                async change =>
                {
                    var result = await CopyAsync(change, copy, room);
                    return copy.IsDryRun ? throw new UndoneException<ImageCopyResult>(result) : result;
                },
                cancellation, (copy.From, RepositoryLock.Shared));
        }
        catch (UndoneException<ImageCopyResult> e)
        {
            return e.Result;
        }
        catch (QuotaExceededException e) when (e.Message.Length == 0)
        {
            throw await quotas.ExplainGrowthAsync(e, "copy", cancellation);
        }
    }

    private async ValueTask<ImageCopyResult> CopyAsync(
        RepositoryChange change, ImageCopy copy, IReadOnlyList<QuotaRow> room)
    {
        var session = change.Session;
        var nothing = new ImageCopyResult(0, 0, 0);

        // It is locked: nobody removes what is copied meanwhile.
        if (!await RepositoryTable.ExistsAsync(session, copy.From)
            || await RepositoryTable.FindAsync(session, copy.From) is not { } from)
        {
            return nothing with { IsUnknown = true };
        }

        if (await ImageCopyTable.CountManifestsAsync(session, from) > MaxManifests && copy.Tags is null)
            return nothing with { IsTooMuch = true };
        var named = copy.Tags is null
            ? await GarbageForecast.TagsAsync(session, from)
            : await TagTable.FindAllAsync(session, from, copy.Tags);
        var all = named.ToDictionary(tag => tag.Name, tag => tag.Digest, StringComparer.Ordinal);
        if (copy.Tags?.FirstOrDefault(tag => !all.ContainsKey(tag)) is { } missing)
            return nothing with { MissingTag = missing };
        var digests = copy.Tags is null
            ? (await GarbageForecast.ManifestsAsync(session, from)).ConvertAll(manifest => manifest.Digest)
            : await FollowAsync(session, from, all);
        var tags = all.Keys.ToList();
        if (digests.Count > MaxManifests) return nothing with { IsTooMuch = true };
        var known = await change.FindIdAsync() is { } there
            ? await TagTable.FindAllAsync(session, there, tags) : [];
        if (known.Find(tag => all[tag.Name] != tag.Digest) is { Name: { } taken })
            return nothing with { TakenTag = taken };
        var lacking = tags.Except(known.Select(tag => tag.Name), StringComparer.Ordinal).ToList();
        await Quotas.CheckTagsAsync(session, room, copy.To, lacking.Select(Tag.Parse));

        var to = await change.GetIdAsync();
        var rows = new ImageCopyTable(from, to, copy.Actor, clock.GetUtcNow().ToUnixTimeMilliseconds());
        var links = await rows.LinksAsync(session, digests);
        var used = await Quotas.UsedAsync(session, room);
        await blobs.LinkAllAsync(session, to, links);
        await Quotas.CheckGrownAsync(session, used);
        var added = await rows.AddManifestsAsync(session, digests);
        if (await TrashTable.FindAllAsync(session, to, digests) is { Count: > 0 } trashed)
        {
            foreach (var digest in trashed)
                await restoring.NotePushedAsync(change, to, Digest.Parse(digest), copy.Actor);

            // Attachments have come back with what they are about.
            known = await TagTable.FindAllAsync(session, to, lacking);
            lacking = [.. lacking.Except(known.Select(tag => tag.Name), StringComparer.Ordinal)];
        }

        await rows.AddTagsAsync(session, lacking);
        foreach (var link in links) change.NoteLinked(link.Digest);
        foreach (var reference in digests.Concat(lacking)) change.NoteManifest(reference);
        return new ImageCopyResult(lacking.Count, added, links.Count);
    }

    /// <summary>
    /// What goes with some tags: the manifests that they point to, children of indexes, and what is attached to any of
    /// these, as a referrer or by its tag, which is added. It costs what there is to copy, not what the repository has.
    /// </summary>
    private static async ValueTask<List<string>> FollowAsync(
        Session session, long repositoryId, Dictionary<string, string> tags)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        for (var next = tags.Values.ToHashSet(StringComparer.Ordinal); next.Count > 0 && found.Count <= MaxManifests;)
        {
            var (present, related) = await ImageCopyTable.RelatedAsync(session, repositoryId, next);
            found.UnionWith(present);
            var names = present.SelectMany(digest => AttachmentTag.NamesFor(Digest.Parse(digest)));
            foreach (var (name, digest) in await TagTable.FindAllAsync(session, repositoryId, names))
            {
                tags[name] = digest;
                related.Add(digest);
            }

            next = related.Where(digest => !found.Contains(digest)).ToHashSet(StringComparer.Ordinal);
        }

        return [.. found];
    }
}
