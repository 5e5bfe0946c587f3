using Berth.Contents;
using Berth.Metadata;
using Berth.Oci;
using Berth.Policies;
using Berth.Sbom;
using Berth.Verifying;

namespace Berth.Api;

/// <summary>A bill of materials that came with an image.</summary>
/// <param name="Artifact">The manifest that holds it.</param>
/// <param name="Document">The bill.</param>
internal sealed record AttachedSbom(Digest Artifact, byte[] Document);

/// <summary>
/// Finds the bill of materials that came with exactly this image. Whoever may push could have written it, unless
/// somebody who is trusted has signed it: that one comes first.
/// </summary>
internal sealed class AttachedSboms(Database database, AttachedDocuments documents, SignatureResults signatures)
{
    /// <summary>So many are read: whoever may push can attach any number.</summary>
    private const int MaxRead = 10;

    /// <summary>As many as of signatures of an image are looked at.</summary>
    private const int MaxSigned = 100;

    /// <summary>As many as of attestations are verified.</summary>
    private const int MaxBytes = 32 << 20;

    /// <summary>Null if there is none in this format.</summary>
    public async Task<AttachedSbom?> FindAsync(
        RepositoryName repository, Digest image, SbomFormat format, FileReading reading,
        CancellationToken cancellation)
    {
        if (await database.ReadAsync(session => RepositoryTable.FindAsync(session, repository), cancellation)
            is not { } id)
        {
            return null;
        }

        // A verified signature says nothing of what else is in its blob: it must be one of a bill, or of a whole
        // artifact.
        var attested = (await signatures.OfAsync(repository, image, cancellation))
            .Where(one => one.Subject == image && IsSbom(one.Result?.PredicateType))
            .Select(one => (one.Artifact, one.Result!.Layer)).ToHashSet();
        var signed = (await database.ReadAsync(
            session => SignedAsync(session, repository, id, image), cancellation)).ToHashSet();
        List<Digest> first = [.. signed, .. attested.Select(one => one.Artifact)];
        var found =
            from one in await documents.FindAsync(id, image, first, cancellation)
            from layer in one.Outline.Layers
            let isAttested = attested.Contains((one.Digest, layer.Digest.Text))
            where layer.SizeBytes <= MaxBytes && (isAttested || IsSbom(one.Outline, layer))
            orderby isAttested || signed.Contains(one.Digest) descending
            select (one.Digest, Layer: layer);
        foreach (var (artifact, layer) in found.Take(MaxRead))
        {
            if (await ReadAsync(id, layer, reading, cancellation) is { } bytes
                && SbomDocument.Read(bytes, format.Name, image) is { } document)
            {
                return new AttachedSbom(artifact, document);
            }
        }

        return null;
    }

    /// <summary>The artifacts with something about an image that somebody signed as a whole.</summary>
    private static async ValueTask<List<Digest>> SignedAsync(
        Session session, RepositoryName repository, long repositoryId, Digest image)
    {
        // The numbers first: a change in between makes what is found too old, and never too new.
        var state = await TrustTable.StateAsync(session, repository.Namespace);
        return await AttachedDocumentTable.SignedAsync(session, repositoryId, image, state.Kept, MaxSigned);
    }

    private static bool IsSbom(string? predicateType) =>
        predicateType is not null && ArtifactKind.Of(null, [predicateType]) == ArtifactKind.Sbom;

    /// <summary>What is signed says itself what it is: its layer tells nothing.</summary>
    private static bool IsSbom(ImageOutline outline, Descriptor layer)
    {
        var said = outline.LayerAnnotations.GetValueOrDefault(layer.Digest.Text) is { } annotations
            ? ArtifactKind.PredicateOf(annotations) : null;
        said ??= ArtifactKind.PredicateOf(outline.Annotations);
        return ArtifactKind.Of(
            outline.Manifest?.ArtifactType, new[] { said, layer.MediaType }.OfType<string>()) == ArtifactKind.Sbom;
    }

    /// <summary>A blob that the repository links.</summary>
    private async Task<byte[]?> ReadAsync(
        long repositoryId, Descriptor layer, FileReading reading, CancellationToken cancellation)
    {
        if (await database.ReadAsync(
            session => BlobTable.FindAsync(session, repositoryId, layer.Digest), cancellation) is null)
        {
            return null;
        }

        var bytes = await reading.ReadSmallAsync(layer.Digest, MaxBytes, cancellation);
        return bytes is not null && Digest.Of(layer.Digest.Algorithm, bytes) == layer.Digest ? bytes : null;
    }
}
