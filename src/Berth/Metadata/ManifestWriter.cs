using System.Text.RegularExpressions;
using Berth.Blobs;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Metadata;

/// <summary>A manifest to record.</summary>
/// <param name="Repository">Where.</param>
/// <param name="Digest">The body's digest, already checked.</param>
/// <param name="Body">The bytes, kept as they are.</param>
/// <param name="ContentType">The media type the client named, or null.</param>
/// <param name="Tags">Tags to move to it; none for a push by digest.</param>
/// <param name="Precondition">What must hold of the present state, or null.</param>
/// <param name="Actor">Who pushes.</param>
internal sealed record ManifestPush(
    RepositoryName Repository, Digest Digest, byte[] Body, string? ContentType, IReadOnlyList<Tag> Tags,
    Func<string?, bool>? Precondition, string Actor);

/// <summary>Why a manifest was refused.</summary>
internal enum ManifestRefusal
{
    None,
    Invalid,
    ReferencesUnknown,
    PreconditionFailed,
}

/// <summary>What became of a push. Of a refused one, nothing was changed.</summary>
internal sealed record ManifestResult(
    ManifestRefusal Refusal, string Reason, IReadOnlyList<string> Missing, Manifest? Manifest)
{
    public static ManifestResult Written(Manifest manifest) => new(ManifestRefusal.None, "", [], manifest);

    public static ManifestResult Invalid(string reason) => new(ManifestRefusal.Invalid, reason, [], null);

    public static ManifestResult Unknown(IReadOnlyList<string> missing) =>
        new(ManifestRefusal.ReferencesUnknown, "", missing, null);

    public static ManifestResult PreconditionFailed(string? current) =>
        new(ManifestRefusal.PreconditionFailed, current is null ? "there is none" : $"it is {current} now", [], null);
}

/// <summary>
/// The only code that validates and records a manifest. What it references is made durable first; then one transaction
/// writes the manifest, its references, the tags and their history. An acknowledged manifest thus survives a power cut
/// with everything it needs.
/// </summary>
internal sealed class ManifestWriter(
    Database database, RepositoryTable repositories, ManifestTable manifests, TagTable tags, FileBlobStore store,
    ValidationSettings validation, LimitSettings limits)
{
    /// <summary>A pattern takes time in proportion to the URL, whatever was written into the settings.</summary>
    private const RegexOptions UrlPattern = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private readonly ManifestNeeds needs = new(validation);
    private readonly Regex[] allowedUrls = [.. validation.Manifests.Urls.Allow.Select(p => new Regex(p, UrlPattern))];
    private readonly Regex[] deniedUrls = [.. validation.Manifests.Urls.Deny.Select(p => new Regex(p, UrlPattern))];

    public async Task<ManifestResult> WriteAsync(ManifestPush push)
    {
        Manifest manifest;
        try
        {
            manifest = Manifest.Parse(push.Body, push.ContentType);
        }
        catch (ManifestFormatException e)
        {
            return ManifestResult.Invalid(e.Message);
        }

        if (Fault(manifest) is { } fault) return ManifestResult.Invalid(fault);
        var needed = needs.Of(manifest);
        ManifestResult result;
        do
        {
            await store.MakeDurableAsync(needed.Select(n => n.Target.Digest));
            result = await database.WriteAsync(session => Write(session, push, manifest, needed), isDurable: true);
        }
        while (result.Refusal == ManifestRefusal.ReferencesUnknown
            && needed.Exists(n => store.IsStaged(n.Target.Digest)));
        if (result.Refusal == ManifestRefusal.None)
        {
            manifests.Forget(push.Repository, push.Tags.Select(t => t.Text).Append(push.Digest.Text));
        }

        return result;
    }

    private ManifestResult Write(
        Session session, ManifestPush push, Manifest manifest, IReadOnlyList<ManifestReference> needed)
    {
        // A refusal must not even leave an empty repository behind.
        var known = RepositoryTable.Find(session, push.Repository) ?? -1;
        if (push.Precondition is { } holds)
        {
            foreach (var current in CurrentDigests(session, known, push))
            {
                if (!holds(current)) return ManifestResult.PreconditionFailed(current);
            }
        }

        var missing = needed.Where(n => !IsPresent(session, known, n)).Select(n => n.Target.Digest.Text).Distinct();
        if (missing.ToList() is { Count: > 0 } unknown) return ManifestResult.Unknown(unknown);
        var repositoryId = repositories.FindOrAdd(session, push.Repository);
        manifests.Add(session, repositoryId, push.Digest, manifest, push.Body, push.Actor);
        foreach (var tag in push.Tags) tags.Move(session, repositoryId, tag, push.Digest, push.Actor);
        return ManifestResult.Written(manifest);
    }

    /// <summary>The present digest of each tag that will move; of a push by digest, of that manifest.</summary>
    private static IEnumerable<string?> CurrentDigests(Session session, long repositoryId, ManifestPush push) =>
        push.Tags.Count > 0
            ? push.Tags.Select(tag => TagTable.Find(session, repositoryId, tag))
            : [ManifestTable.Exists(session, repositoryId, push.Digest) ? push.Digest.Text : null];

    private string? Fault(Manifest manifest)
    {
        if (manifest.References.Count > limits.ReferencesPerManifest)
        {
            return $"the manifest has {manifest.References.Count} references; at most {limits.ReferencesPerManifest} "
                + "are allowed (limits.referencespermanifest)";
        }

        var refused = manifest.References.SelectMany(r => r.Target.Urls).FirstOrDefault(url => !IsAllowed(url));
        return refused is null ? null : $"the layer URL '{refused}' is not allowed (validation.manifests.urls)";
    }

    private bool IsAllowed(string url) =>
        (allowedUrls.Length == 0 || allowedUrls.Any(r => r.IsMatch(url))) && !deniedUrls.Any(r => r.IsMatch(url));

    /// <summary>
    /// Children of an index may be blobs too: build caches list their layers there. A blob that came only just now,
    /// after the others were made durable, does not count yet.
    /// </summary>
    private bool IsPresent(Session session, long repositoryId, ManifestReference needed)
    {
        var digest = needed.Target.Digest;
        if (needed.Kind == ReferenceKind.Child && ManifestTable.Exists(session, repositoryId, digest)) return true;
        return BlobTable.Find(session, repositoryId, digest) is { } link
            && store.DurableLengthOf(digest) == link.SizeBytes;
    }
}
