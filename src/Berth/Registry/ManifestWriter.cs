using System.Text.RegularExpressions;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>A manifest to record.</summary>
/// <param name="Repository">Where.</param>
/// <param name="Digest">The body's digest, already checked.</param>
/// <param name="Body">The bytes, kept as they are.</param>
/// <param name="ContentType">The media type the client named, or null.</param>
/// <param name="Tags">Tags to move to it; none for a push by digest.</param>
/// <param name="Precondition">What must hold for the current state, or null.</param>
/// <param name="Actor">Who pushes.</param>
internal sealed record ManifestPush(
    RepositoryName Repository, Digest Digest, byte[] Body, string? ContentType, IReadOnlyList<Tag> Tags,
    Func<string?, bool>? Precondition, Actor Actor);

/// <summary>Why a manifest was refused.</summary>
internal enum ManifestRefusal
{
    None,
    Invalid,
    ReferencesUnknown,
    PreconditionFailed,
    Immutable,
    Denied,
}

/// <summary>The outcome of a push. A refused one changes nothing.</summary>
internal sealed record ManifestResult(
    ManifestRefusal Refusal, string Reason, IReadOnlyList<string> Missing, Manifest? Manifest)
{
    /// <summary>What is to be told to whoever pushed it all the same; null if nothing.</summary>
    public string? Warning { get; init; }

    public static ManifestResult Written(Manifest manifest) => new(ManifestRefusal.None, "", [], manifest);

    public static ManifestResult Denied(string reason) => new(ManifestRefusal.Denied, reason, [], null);

    public static ManifestResult Invalid(string reason) => new(ManifestRefusal.Invalid, reason, [], null);

    public static ManifestResult Unknown(IReadOnlyList<string> missing) =>
        new(ManifestRefusal.ReferencesUnknown, "", missing, null);

    public static ManifestResult Immutable(TagRule rule) => new(ManifestRefusal.Immutable, rule.Name, [], null);

    public static ManifestResult PreconditionFailed(string? current) =>
        new(ManifestRefusal.PreconditionFailed, current is null ? "there is none" : $"it is {current} now", [], null);
}

/// <summary>
/// The only code that validates and records a manifest. What it references is made durable first; then one transaction
/// writes the manifest, its references, the tags and their history. An acknowledged manifest thus survives a power cut
/// with everything it needs.
/// </summary>
internal sealed class ManifestWriter(
    RepositoryChanges changes, ManifestTable manifests, TagTable tags, TagRules rules, Restoring restoring,
    ImageInspection inspection, IBlobStore store, RepositoryBlobs blobs, Quotas quotas, IPushRules pushes,
    ValidationSettings validation, LimitSettings limits, ContentsSettings contents)
{
    /// <summary>Matching takes linear time, whatever pattern is in the settings.</summary>
    private const RegexOptions UrlPattern = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private readonly ManifestNeeds needs = new(validation);
    private readonly Regex[] allowedUrls = [.. validation.Manifests.Urls.Allow.Select(p => new Regex(p, UrlPattern))];
    private readonly Regex[] deniedUrls = [.. validation.Manifests.Urls.Deny.Select(p => new Regex(p, UrlPattern))];

    /// <param name="push">What to record.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    public async Task<ManifestResult> WriteAsync(ManifestPush push, CancellationToken cancellation)
    {
        Manifest manifest;
        try
        {
            manifest = Manifest.Parse(push.Body, push.ContentType, limits.ReferencesPerManifest);
        }
        catch (ManifestFormatException e)
        {
            return ManifestResult.Invalid(e.Message);
        }

        if (Fault(manifest) is { } fault) return ManifestResult.Invalid(fault);
        return await WriteAsync(push, manifest, needs.Of(manifest), cancellation);
    }

    /// <summary>Retries if a blob was pushed, or pushed again, while the others were made durable.</summary>
    private async Task<ManifestResult> WriteAsync(
        ManifestPush push, Manifest manifest, IReadOnlyList<ManifestReference> needed, CancellationToken cancellation)
    {
        var frozen = await FindImmutableAsync(push, cancellation);

        // What is read here must hold until the commit: nobody may delete it, or move the tags that are compared.
        var hold = push.Precondition is null && frozen is null ? RepositoryLock.Shared : RepositoryLock.Exclusive;
        var digests = needed.Select(n => n.Target.Digest).Distinct().ToList();
        var room = await quotas.OfAsync(push.Repository, cancellation);
        var durable = await store.MakeDurableAsync(digests, cancellation);
        var image = await inspection.ReadAsync(push.Digest, manifest, push.Body, cancellation);
        var word = await pushes.OfPushAsync(push, manifest, image.Facts, cancellation);
        var isDisguised = await inspection.IsDisguisedAsync(manifest, cancellation);
        while (true)
        {
            var known = durable;
            var damaged = new List<BlobLink>();
            var result = await changes.RunAsync(
                push.Repository, hold, isDurable: true,
                async change =>
                {
                    await Quotas.CheckTagsAsync(change.Session, room, push.Repository, push.Tags);
                    return await WriteAsync(change, push, manifest, needed, known, damaged, frozen, image, word,
                        isDisguised);
                },
                cancellation);
            if (result.Refusal != ManifestRefusal.ReferencesUnknown) return result with { Warning = word?.Text };
            durable = await store.MakeDurableAsync(digests, cancellation);
            if (durable.Count != known.Count || durable.Except(known).Any()) continue;
            foreach (var link in damaged) blobs.NoteDamaged(link, LengthIn(known, link.Digest));
            return result;
        }
    }

    /// <summary>The pushed tags that rules keep where they are, if they are there; null if there are none.</summary>
    private async ValueTask<List<(Tag Tag, TagRule Rule)>?> FindImmutableAsync(
        ManifestPush push, CancellationToken cancellation)
    {
        if (push.Tags.Count == 0) return null;
        var known = await rules.OfAsync(push.Repository, cancellation);
        if (known.Count == 0) return null;
        var found = push.Tags.Select(tag => (Tag: tag, Rule: TagRules.FindImmutable(known, tag.Text)))
            .Where(one => one.Rule is not null).Select(one => (one.Tag, one.Rule!)).ToList();
        return found.Count == 0 ? null : found;
    }

    private static long? LengthIn(IReadOnlyDictionary<Digest, long> durable, Digest digest) =>
        durable.TryGetValue(digest, out var length) ? length : null;

    private async ValueTask<ManifestResult> WriteAsync(
        RepositoryChange change, ManifestPush push, Manifest manifest, IReadOnlyList<ManifestReference> needed,
        IReadOnlyDictionary<Digest, long> durable, List<BlobLink> damaged,
        IReadOnlyList<(Tag Tag, TagRule Rule)>? frozen, (ImageFacts Facts, TimeSpan? ExpiresAfter) image,
        PushWord? word, bool isDisguised)
    {
        var session = change.Session;
        var expiresAfter = image.ExpiresAfter;

        // A refusal must not even leave an empty repository behind.
        var known = await change.FindIdAsync() ?? -1;
        if (push.Precondition is { } holds)
        {
            foreach (var current in await CurrentDigestsAsync(session, known, push))
            {
                if (!holds(current)) return ManifestResult.PreconditionFailed(current);
            }
        }

        foreach (var (tag, rule) in frozen ?? [])
        {
            var current = await TagTable.FindAsync(session, known, tag);
            if (current is not null && current != push.Digest.Text) return ManifestResult.Immutable(rule);
        }

        var links = needed.Count == 0 ? []
            : await BlobTable.FindAllAsync(session, known, needed.Select(n => n.Target.Digest));
        var missing = await FindMissingAsync(session, known, needed, links, durable, damaged);
        if (missing.Count > 0 && !await restoring.TryBringBackAsync(change, known, missing))
            return ManifestResult.Unknown(missing);

        // Not before: it may tell what is in a config, which may be somebody else's.
        if (isDisguised)
        {
            return ManifestResult.Invalid(
                $"its config is not that of a build cache ({MediaTypes.BuildCacheConfig}), or is too large for one");
        }

        if (word is { IsRefusal: true }) return ManifestResult.Denied(word.Text);
        var repositoryId = await change.GetIdAsync();
        await ReviveAsync(change, repositoryId, manifest, links);
        var facts = await ImageTable.CompleteAsync(session, repositoryId, manifest, image.Facts);
        if (push.Tags.Count > 0)
            await TagTable.LockForMoveAsync(session, repositoryId, push.Tags, push.Digest);
        await manifests.AddAsync(
            session, repositoryId, push.Digest, manifest, facts, push.Body, push.Actor, expiresAfter);
        if (contents.Index == ContentsIndexing.Always && manifest.FileLayers is { Count: > 0 } layers)
            await manifests.NoteLayersAsync(session, push.Digest, manifest, layers);
        await restoring.NotePushedAsync(change, repositoryId, push.Digest, push.Actor);
        change.NoteManifest(push.Digest.Text);

        if (push.Tags.Count > 0 && MediaTypes.IsIndex(manifest.MediaType))
            expiresAfter ??= await ManifestTable.ExpiresAfterAsync(session, repositoryId, push.Digest);

        // In a fixed order, so that no two pushes deadlock on each other's tags.
        foreach (var tag in push.Tags.OrderBy(t => t.Text, StringComparer.Ordinal))
        {
            await tags.MoveAsync(session, repositoryId, tag, push.Digest, push.Actor, TagActions.Push, expiresAfter);
            change.NoteManifest(tag.Text);
        }

        return ManifestResult.Written(manifest);
    }

    /// <summary>Brings back condemned links that the manifest needs. Most pushes have none.</summary>
    private static async ValueTask ReviveAsync(
        RepositoryChange change, long repositoryId, Manifest manifest, Dictionary<Digest, KnownLink> links)
    {
        var condemned = manifest.References.Where(r => r.Kind != ReferenceKind.Subject).Select(r => r.Target.Digest)
            .Where(digest => !links.TryGetValue(digest, out var link) || link.IsCondemned).ToList();
        if (condemned.Count == 0) return;
        foreach (var revived in await BlobTable.ReviveAsync(change.Session, repositoryId, condemned))
            change.NoteLinked(revived);
    }

    /// <summary>The current digest of each tag that will move; for a push by digest, of that manifest.</summary>
    private static async ValueTask<List<string?>> CurrentDigestsAsync(
        Session session, long repositoryId, ManifestPush push)
    {
        if (push.Tags.Count == 0)
        {
            return [await ManifestTable.ExistsAsync(session, repositoryId, push.Digest) ? push.Digest.Text : null];
        }

        var digests = new List<string?>();
        foreach (var tag in push.Tags) digests.Add(await TagTable.FindAsync(session, repositoryId, tag));
        return digests;
    }

    /// <summary>
    /// Digests missing from the repository. A child whose type says that it is a manifest must be one: nobody could
    /// pull it if it were a blob.
    /// </summary>
    /// <param name="session">The transaction.</param>
    /// <param name="repositoryId">Which repository; none has -1.</param>
    /// <param name="needed">What it should have.</param>
    /// <param name="links">Which of that are linked blobs.</param>
    /// <param name="durable">The lengths of what is in the store.</param>
    /// <param name="damaged">Takes those that are linked, but missing in the store or of the wrong length.</param>
    private static async ValueTask<List<string>> FindMissingAsync(
        Session session, long repositoryId, IReadOnlyList<ManifestReference> needed,
        Dictionary<Digest, KnownLink> links, IReadOnlyDictionary<Digest, long> durable, List<BlobLink> damaged)
    {
        damaged.Clear();
        if (needed.Count == 0) return [];
        var children = needed.Where(n => n.Kind == ReferenceKind.Child).Select(n => n.Target.Digest).ToList();
        var present = children.Count == 0 ? [] : await ManifestTable.FindAllAsync(session, repositoryId, children);
        var manifests = needed.Where(n => n.NamesManifest).Select(n => n.Target.Digest).ToHashSet();
        var missing = new List<string>();
        foreach (var digest in needed.Select(n => n.Target.Digest).Distinct().Where(d => !present.Contains(d)))
        {
            var isLinked = links.TryGetValue(digest, out var link);
            var isWhole = isLinked && LengthIn(durable, digest) == link.SizeBytes;
            if (isWhole && !manifests.Contains(digest)) continue;
            if (isLinked && !isWhole) damaged.Add(new BlobLink(digest, link.SizeBytes));
            missing.Add(digest.Text);
        }

        return missing;
    }

    private string? Fault(Manifest manifest)
    {
        var refused = manifest.References.SelectMany(r => r.Target.Urls).FirstOrDefault(url => !IsAllowed(url));
        return refused is null ? null : $"the layer URL '{refused}' is not allowed (validation.manifests.urls)";
    }

    private bool IsAllowed(string url) =>
        (allowedUrls.Length == 0 || allowedUrls.Any(r => r.IsMatch(url))) && !deniedUrls.Any(r => r.IsMatch(url));
}
