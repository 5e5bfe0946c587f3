using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Access;
using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Verifying;

namespace Berth.Api;

/// <summary>What says something about an image.</summary>
/// <param name="Items">Signatures, bills of materials and the like.</param>
/// <param name="IsComplete">Whether these are all.</param>
internal sealed record ReferrersView(string Digest, IReadOnlyList<ReferrerView> Items, bool IsComplete);

/// <summary>Something that says something about a manifest.</summary>
/// <param name="Kind">One of <see cref="ArtifactKind"/>.</param>
/// <param name="Tag">The tag that attaches it, as cosign's do; null if it names its subject.</param>
/// <param name="Platform">The platform whose image it is about; null if it is about the whole.</param>
/// <param name="Statements">What is in it.</param>
/// <param name="Referrers">What says something about it in turn.</param>
internal sealed record ReferrerView(
    string Digest, string Kind, string? ArtifactType, string MediaType, long SizeBytes, DateTimeOffset? PushedAt,
    string? PushedBy, string? Tag, string? Platform, IReadOnlyList<StatementView> Statements,
    IReadOnlyList<ReferrerView> Referrers);

/// <summary>A file of it.</summary>
/// <param name="PredicateType">What it says, in the words of in-toto.</param>
/// <param name="Signer">Who signed it, by its certificate. Nobody has verified that.</param>
/// <param name="SbomFormat">The format of a bill of materials.</param>
/// <param name="Packages">How many packages that lists.</param>
internal sealed record StatementView(
    string MediaType, string Digest, long SizeBytes, string? PredicateType, string? Signer, string? SbomFormat,
    long? Packages)
{
    /// <summary>What a provenance says; null if it is none that was read.</summary>
    public ProvenanceView? Provenance { get; init; }

    /// <summary>Who states it: somebody who is trusted here. Null: nobody has verified it.</summary>
    public string? VerifiedBy { get; init; }

    /// <summary>The key, identity or policy that says to trust them.</summary>
    public string? TrustedBy { get; init; }
}

/// <summary>Who built an image, from what and when, as a provenance says.</summary>
/// <param name="Source">The repository of the source: an address, or whatever it is called.</param>
/// <param name="Revision">The commit.</param>
/// <param name="Builder">What built it.</param>
internal sealed record ProvenanceView(string? Source, string? Revision, string? Builder)
{
    public string? Ref { get; init; }

    public string? File { get; init; }

    public string? Run { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    public int MaterialCount { get; init; }

    public IReadOnlyList<MaterialView> Materials { get; init; } = [];

    public static ProvenanceView? Of(byte[]? json) => json is not null && ProvenanceSummary.Read(json) is { } found
        ? new ProvenanceView(found.Source, found.Revision, found.Builder)
        {
            Ref = found.Ref,
            File = found.File,
            Run = found.Run,
            StartedAt = found.StartedAt,
            FinishedAt = found.FinishedAt,
            MaterialCount = found.MaterialCount,
            Materials = [.. found.Materials.Select(one => new MaterialView(one.Uri, one.Digest))],
        }
        : null;
}

/// <summary>Something that went into a build.</summary>
/// <param name="Uri">Where it is from.</param>
/// <param name="Digest">Which state of it.</param>
internal sealed record MaterialView(string Uri, string? Digest);

/// <summary>
/// <c>/images/{reference}/referrers</c>: what says something about an image, by its subject (distribution-spec), by a
/// tag with its digest (cosign), or beside it in an index (buildx).
/// </summary>
/// <param name="reading">Reads bills of materials; null in a command on the database.</param>
internal sealed class ReferrerEndpoints(
    Database database, ManifestTable manifests, BlobTable blobs, SignatureResults signatures, LimitSettings limits,
    FileReading? reading)
{
    public async Task<ApiAnswer<ReferrersView>> GetAsync(HttpContext http, string reference, string repository)
    {
        if (!RepositoryName.TryParse(repository, out var name) || !Reference.TryParse(reference, out var asked)
            || await manifests.FindAsync(name, asked, http.RequestAborted) is not { } stored)
        {
            return ApiError.NotFound($"image {PlainText.Of(reference)} in {PlainText.Of(repository)}");
        }

        var linked = reading is null ? null : new LinkedBlobs(name, blobs, reading, http.RequestAborted);
        var walk = new ReferrerWalk(http, database, manifests, signatures, linked, limits, name);
        var found = await walk.RunAsync(stored);
        return new ReferrersView(stored.Digest.Text, found, walk.IsComplete);
    }
}

/// <summary>Follows referrers to referrers, as far as a page goes.</summary>
internal sealed class ReferrerWalk(
    HttpContext http, Database database, ManifestTable manifests, SignatureResults signatures, LinkedBlobs? linked,
    LimitSettings limits, RepositoryName repository)
{
    private const int MaxFound = 100;
    private const int MaxDepth = 4;
    private const int MaxPlatforms = 32;
    private const int MaxStatements = 8;

    /// <summary>Larger ones are not read.</summary>
    private const long MaxSbomBytes = 2 * 1024 * 1024;

    /// <summary>The most bytes of bills of materials and provenances that one answer looks into.</summary>
    private const long MaxReadBytes = 16 * 1024 * 1024;

    private const string ReferenceDigest = "vnd.docker.reference.digest";
    private const string CertificateKey = "dev.sigstore.cosign/certificate";

    private readonly CancellationToken cancellation = http.RequestAborted;
    private readonly HashSet<Digest> seen = [];

    /// <summary>What is verified, by the manifest and the layer that hold it.</summary>
    private readonly Dictionary<(Digest, string), SignatureResult> verified = [];

    /// <summary>How much may still be read to look into them.</summary>
    private long leftBytes = MaxReadBytes;

    public bool IsComplete { get; private set; } = true;

    public async Task<List<ReferrerView>> RunAsync(StoredManifest root)
    {
        seen.Add(root.Digest);
        await AddVerifiedAsync(root.Digest);
        var found = await FindAsync(root.Digest, null, 1);
        if (await ReadAsync(root) is not { Manifest: { } manifest } outline || !MediaTypes.IsIndex(manifest.MediaType))
            return found;
        var children = manifest.References.Where(one => one.Kind == ReferenceKind.Child).Select(one => one.Target)
            .ToList();
        var platforms = children.Where(one => one.Platform is not null)
            .DistinctBy(one => one.Digest).ToDictionary(one => one.Digest.Text, one => Platforms.NameOf(one.Platform!));
        IsComplete = platforms.Count <= MaxPlatforms;
        foreach (var child in children.Where(one => platforms.GetValueOrDefault(one.Digest.Text) is { Length: > 0 })
            .Take(MaxPlatforms))
        {
            await AddVerifiedAsync(child.Digest);
            found.AddRange(await FindAsync(child.Digest, platforms[child.Digest.Text], 1));
        }

        // Older ones of buildx are only beside the image that they are about.
        foreach (var child in children)
        {
            if (outline.ChildAnnotations.GetValueOrDefault(child.Digest.Text)?.GetValueOrDefault(ReferenceDigest)
                is { } about)
            {
                await AddAsync(found, child.Digest, null, platforms.GetValueOrDefault(about) ?? "", 1);
            }
        }

        return found;
    }

    private async Task AddVerifiedAsync(Digest subject)
    {
        foreach (var one in await signatures.OfAsync(repository, subject, cancellation))
            verified[(one.Artifact, one.Result!.Layer)] = one.Result;
    }

    /// <summary>What says something about a manifest.</summary>
    private async Task<List<ReferrerView>> FindAsync(Digest subject, string? platform, int depth)
    {
        var found = new List<ReferrerView>();
        if (depth > MaxDepth)
        {
            IsComplete = false;
            return found;
        }

        var listed = await manifests.ReferrersAsync(
            repository, subject, null, "", MaxFound + 1, limits.ManifestBytes, cancellation);
        foreach (var one in listed) await AddAsync(found, one.Digest, null, platform, depth);
        foreach (var tag in AttachmentTag.NamesFor(subject))
        {
            if (!Reference.TryParse(tag, out var reference)
                || await manifests.FindAsync(repository, reference, cancellation) is not { } attached)
            {
                continue;
            }

            if (!MediaTypes.IsIndex(attached.MediaType))
            {
                await AddAsync(found, attached.Digest, tag, platform, depth);
                continue;
            }

            // A list of referrers, from clients that know no better way.
            if (await ReadAsync(attached) is not { Manifest: { } list }) continue;
            foreach (var child in list.References.Where(one => one.Kind == ReferenceKind.Child).Take(MaxFound))
                await AddAsync(found, child.Target.Digest, tag, platform, depth);
        }

        return found;
    }

    private async Task AddAsync(List<ReferrerView> found, Digest digest, string? tag, string? platform, int depth)
    {
        if (!seen.Add(digest)) return;
        if (seen.Count > MaxFound)
        {
            IsComplete = false;
            return;
        }

        if (await manifests.FindAsync(repository, new Reference(digest), cancellation) is not { } stored
            || await ReadAsync(stored) is not { } outline)
        {
            return;
        }

        var row = await database.ReadAsync(
            session => ImageTable.FindAsync(session, repository.Text, digest, 0), cancellation);
        var statements = new List<StatementView>();
        IsComplete &= outline.Layers.Count() <= MaxStatements;
        foreach (var layer in outline.Layers.Take(MaxStatements))
            statements.Add(await ReadAsync(digest, outline, layer));
        found.Add(new ReferrerView(
            digest.Text, ArtifactEndpoints.KindOf(outline, tag), row?.ArtifactType, stored.MediaType,
            SizeOf(stored, outline), row?.PushedAt, http.NameFor(row?.PushedBy),
            tag, string.IsNullOrEmpty(platform) ? null : platform, statements,
            await FindAsync(digest, null, depth + 1)));
    }

    private async Task<StatementView> ReadAsync(Digest holder, ImageOutline outline, Descriptor layer)
    {
        var said = outline.LayerAnnotations.GetValueOrDefault(layer.Digest.Text);
        var proof = verified.GetValueOrDefault((holder, layer.Digest.Text));
        var predicate = proof?.PredicateType ?? (said is null ? null : ArtifactKind.PredicateOf(said))
            ?? ArtifactKind.PredicateOf(outline.Annotations);
        var kind = ArtifactKind.Of(layer.MediaType, predicate is null ? [] : [predicate]);
        var isRead = kind is ArtifactKind.Sbom or ArtifactKind.Provenance && linked is not null
            && layer.SizeBytes >= 0 && layer.SizeBytes <= Math.Min(MaxSbomBytes, leftBytes);
        if (isRead) leftBytes -= layer.SizeBytes;
        var bytes = isRead ? await linked!.ReadAsync(layer, MaxSbomBytes) : null;
        var sbom = kind == ArtifactKind.Sbom && bytes is not null ? SbomSummary.Read(bytes) : null;
        return new StatementView(
            layer.MediaType, layer.Digest.Text, layer.SizeBytes, predicate,
            SignerOf(said?.GetValueOrDefault(CertificateKey)), sbom?.Format, sbom?.Packages)
        {
            Provenance = kind == ArtifactKind.Provenance ? ProvenanceView.Of(bytes) : null,
            VerifiedBy = proof?.Signer,
            TrustedBy = proof?.TrustedBy,
        };
    }

    /// <summary>Anybody may write any sizes.</summary>
    private static long SizeOf(StoredManifest stored, ImageOutline outline) => outline.Layers.Aggregate(
        stored.SizeBytes,
        (sum, layer) => layer.SizeBytes > long.MaxValue - sum ? long.MaxValue : sum + Math.Max(0, layer.SizeBytes));

    private async ValueTask<ImageOutline?> ReadAsync(StoredManifest stored) =>
        (stored.Body ?? await manifests.LoadBodyAsync(stored.Digest)) is { } body
            ? ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest) : null;

    private static string? SignerOf(string? pem)
    {
        if (pem is null) return null;
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            return new[] { X509NameType.EmailName, X509NameType.UrlName, X509NameType.SimpleName }
                .Select(kind => certificate.GetNameInfo(kind, forIssuer: false))
                .FirstOrDefault(name => name.Length > 0);
        }
        catch (CryptographicException)
        {
            // Anybody may write anything there.
            return null;
        }
    }
}
