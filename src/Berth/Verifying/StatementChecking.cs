using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Verifying;

/// <summary>What a verified document says of an image.</summary>
/// <param name="Subject">The image, or an index that has it.</param>
/// <param name="Document">The blob of an attestation, or the manifest of an artifact that somebody signed.</param>
/// <param name="Rows">What it says.</param>
internal sealed record VerifiedStatements(Digest Subject, Digest Document, IReadOnlyList<ImageStatementRow> Rows);

/// <summary>
/// Finds what verified signatures and attestations let count: an attestation says something of its subject, and of an
/// artifact that is signed, its layers say something of the artifact's subject.
/// </summary>
internal sealed class StatementChecking(
    Database database, ManifestTable manifests, IBlobStore store, TimeProvider clock)
{
    private const int MaxReferences = 200;
    private const int RowsPerWrite = 200;

    /// <summary>What an attestation says; null if nothing of vulnerabilities.</summary>
    /// <param name="artifact">What holds it.</param>
    /// <param name="layer">The layer with it.</param>
    /// <param name="predicateType">What it is.</param>
    /// <param name="statement">As it was signed.</param>
    /// <param name="place">The repository, with its host if that is known.</param>
    public (VerifiedStatements? Found, string? Fault) OfAttestation(
        SignedArtifactRow artifact, Digest layer, string? predicateType, ReadOnlyMemory<byte>? statement, string place)
    {
        if (statement is not { } json || !StatementReader.IsStatement(predicateType)) return (null, null);
        var read = StatementReader.Read(json, place, clock.GetUtcNow());
        return (new VerifiedStatements(artifact.Subject, layer, read.Rows), read.Fault);
    }

    /// <summary>What an artifact says that is signed; null if nothing of vulnerabilities.</summary>
    public async Task<(VerifiedStatements? Found, string? Fault)> OfSignedAsync(
        SignedArtifactRow signature, string mediaType, string place, CancellationToken cancellation)
    {
        if (MediaTypes.IsIndex(mediaType) || await manifests.LoadBodyAsync(signature.Subject) is not { } body
            || ImageOutline.Read(body, mediaType, MaxReferences) is not { Manifest.Subject: { } about } outline)
        {
            return (null, null);
        }

        var layers = StatementReader.LayersOf(outline);
        if (layers.Count == 0) return (null, null);
        var rows = new List<ImageStatementRow>();
        string? fault = null;
        var chars = 0L;
        foreach (var layer in layers)
        {
            var read = await ReadAsync(signature.RepositoryId, layer, cancellation) is { } json
                ? StatementReader.Read(json, place, clock.GetUtcNow())
                : ReadStatements.Failed("its bytes are not in this repository, or too many");
            fault ??= read.Fault;
            rows.AddRange(read.Rows);
            chars += read.Rows.Sum(row => (long)row.Chars);
            if (rows.Count > StatementReader.MaxRows || chars > StatementReader.MaxChars)
                fault ??= ReadStatements.Failed("its layers say too much").Fault;
            if (fault is not null) break;
        }

        return (new VerifiedStatements(about.Digest, signature.Subject, fault is null ? rows : []), fault);
    }

    /// <summary>Forgets what is verified no more.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        for ((long, string, string)? last = (0, "", ""); last is not null;)
        {
            var after = last.Value;
            last = await database.WriteAsync(
                session => ImageStatementTable.RemoveGoneAsync(session, after, RowsPerWrite), isDurable: false,
                cancellation);
        }
    }

    private async ValueTask<byte[]?> ReadAsync(long repositoryId, Descriptor layer, CancellationToken cancellation)
    {
        if (layer.SizeBytes > StatementReader.MaxBytes || await database.ReadAsync(
            session => BlobTable.FindAsync(session, repositoryId, layer.Digest), cancellation) is null)
        {
            return null;
        }

        var content = await SmallBlob.ReadAsync(store, layer.Digest, StatementReader.MaxBytes, cancellation);
        return content is not null && Digest.Of(layer.Digest.Algorithm, content) == layer.Digest ? content : null;
    }
}
