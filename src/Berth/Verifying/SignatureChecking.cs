using System.Collections.Concurrent;
using Berth.Access;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Berth.Signatures;

namespace Berth.Verifying;

/// <summary>
/// Verifies the signatures that lie beside images, and notes what came of it:
/// <code>
/// pushed, or what counts has changed ► due ► taken (attempts + 1) ► subject here? ► layers read, verified ► read
///                                       ▲                               │ no
///                                       └───────────────────────────────┘ later, and then later still
/// </code>
/// </summary>
internal sealed partial class SignatureChecking(
    Database database, ManifestTable manifests, IBlobStore store, RegistryTrust trusted, StatementChecking statements,
    HttpSettings http, TimeProvider clock, ILogger<SignatureChecking> log)
{
    private const int MaxAttempts = 3;

    /// <summary>So many rows are written at once: others wait for that.</summary>
    private const int RowsPerWrite = 200;

    private const int MaxTextChars = 500;
    private const int MaxWarnings = 10;

    /// <summary>How long a signature waits whose image is not there: twice as long each time.</summary>
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>When a manifest is tried again whose reader was killed.</summary>
    private static readonly TimeSpan AfterDeath = TimeSpan.FromMinutes(10);

    /// <summary>When what depends on the time, or could not be read, is verified again.</summary>
    private static readonly TimeSpan BetweenChecks = TimeSpan.FromDays(1);

    /// <summary>The numbers by which all was made due, by this process.</summary>
    private readonly ConcurrentDictionary<string, long> hastened = new();

    /// <summary>Notes manifests that nobody has noted, and forgets those that are gone.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        for (long? last = 0; last is not null;)
        {
            var after = last.Value;
            last = await database.WriteAsync(
                session => SignedArtifactTable.RemoveGoneAsync(session, after, RowsPerWrite), isDurable: false,
                cancellation);
        }

        await statements.SweepAsync(cancellation);
        for (long? from = 0; from is { } after;)
        {
            from = await database.ReadAsync(
                session => SignedArtifactTable.LastRepositoryAsync(session, after, RowsPerWrite), cancellation);
            while (from is { } last && await database.WriteAsync(
                session => SignedArtifactTable.AddMissingAsync(
                    session, after, last, RowsPerWrite, clock.GetUtcNow()),
                isDurable: false, cancellation) > 0)
            {
            }
        }

        hastened.Clear();
    }

    /// <summary>Makes due what was verified by another state of what counts.</summary>
    public async Task HastenAsync(CancellationToken cancellation)
    {
        foreach (var numbers in await database.ReadAsync(TrustTable.AllNumbersAsync, cancellation))
        {
            if (hastened.GetValueOrDefault(numbers.Namespace) == numbers.Present) continue;
            while (await WriteAsync(
                session => SignedArtifactTable.HastenAsync(session, numbers, RowsPerWrite), cancellation) > 0)
            {
            }

            hastened[numbers.Namespace] = numbers.Present;
        }
    }

    /// <summary>Verifies the manifest that is due longest. False if none is due.</summary>
    public async Task<bool> RunNextAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var next = await database.WriteAsync(
            session => SignedArtifactTable.TakeAsync(session, now, now + AfterDeath), isDurable: false, cancellation);
        if (next is null) return false;
        var trust = await trusted.OfAsync(RepositoryName.Parse(next.Repository).Namespace, cancellation);
        if (next.Attempts > MaxAttempts)
        {
            await EndAsync(next, ArtifactStates.Fault, trust, [], now + BetweenChecks, cancellation);
            LogGivenUp(next.Digest, next.Repository, MaxAttempts);
            return true;
        }

        try
        {
            await CheckAsync(next, trust, cancellation);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The node stops, or the store is away.
            await PostponeAsync(next, CancellationToken.None);
            if (e is OperationCanceledException) throw;
        }
        catch (Exception e) when (e is not DatabaseUnavailableException)
        {
            // No manifest may keep the others from being verified. The attempt counts.
            LogFailure(next.Digest, next.Repository, e);
        }

        return true;
    }

    private async Task CheckAsync(SignedArtifactRow artifact, NamespaceTrust trust, CancellationToken cancellation)
    {
        var layers = await manifests.LoadBodyAsync(artifact.Digest) is { } body ? ArtifactLayers.Read(body) : [];
        if (layers.Count == 0)
        {
            await EndAsync(artifact, ArtifactStates.None, trust, [], null, cancellation);
            return;
        }

        if (await FindImageAsync(artifact, cancellation) is not { } image)
        {
            await PostponeAsync(artifact, cancellation);
            return;
        }

        var (results, said) = (new List<SignatureResult>(), new Dictionary<Digest, VerifiedStatements>());
        var isTimed = false;
        foreach (var layer in layers)
        {
            var content = trust.IsEmpty ? null : await ReadAsync(artifact, layer, cancellation);
            isTimed |= !trust.IsEmpty && content is null;
            var (result, statement) = Judge(layer, content, image, trust);
            isTimed |= result.Kind == SignatureWords.Notation && !trust.IsEmpty;
            var (found, fault) = statements.OfAttestation(
                artifact, layer.Digest, result.PredicateType, statement, image.Repository);
            if (found is not null) said[found.Document] = found;
            results.Add(fault is null ? result : result with { Warnings = [.. result.Warnings, fault] });
        }

        if (results.FindIndex(one => one.IsSignature) is >= 0 and var signed)
        {
            var (found, fault) = await statements.OfSignedAsync(
                artifact, image.MediaType, image.Repository, cancellation);
            if (found is not null) said[found.Document] = found;
            if (fault is not null)
                results[signed] = results[signed] with { Warnings = [.. results[signed].Warnings, fault] };
        }

        await EndAsync(
            artifact, ArtifactStates.Read, trust, results, isTimed ? clock.GetUtcNow() + BetweenChecks : null,
            cancellation, said.Values);
    }

    /// <summary>Null if the repository does not have it.</summary>
    private ValueTask<SignedImage?> FindImageAsync(SignedArtifactRow artifact, CancellationToken cancellation)
    {
        // Without a host, only policies for all repositories match.
        var host = Uri.TryCreate(http.Host, UriKind.Absolute, out var address) ? $"{address.Authority}/" : "";
        return database.ReadAsync(
            session => session.FirstAsync(
                "SELECT media_type, size_bytes FROM manifest WHERE repository_id = $1 AND digest = $2",
                row => new SignedImage(
                    artifact.Subject, row.GetString(0), row.GetInt64(1), host + artifact.Repository),
                artifact.RepositoryId, artifact.Subject.Text),
            cancellation);
    }

    /// <summary>A blob that the repository links; null if it does not, or it is too large or altered.</summary>
    private async ValueTask<byte[]?> ReadAsync(
        SignedArtifactRow artifact, ArtifactLayer layer, CancellationToken cancellation)
    {
        if (layer.SizeBytes > SignatureLimits.MaxLayerBytes) return null;
        var link = await database.ReadAsync(
            session => BlobTable.FindAsync(session, artifact.RepositoryId, layer.Digest), cancellation);
        if (link is null) return null;
        var content = await SmallBlob.ReadAsync(store, layer.Digest, SignatureLimits.MaxLayerBytes, cancellation);
        return content is not null && Digest.Of(layer.Digest.Algorithm, content) == layer.Digest ? content : null;
    }

    /// <summary>What came of a signature, and the statement of an attestation that holds.</summary>
    private (SignatureResult Result, ReadOnlyMemory<byte>? Statement) Judge(
        ArtifactLayer layer, byte[]? content, SignedImage image, NamespaceTrust trust)
    {
        var kind = SignatureWords.KindOf(layer.MediaType);
        var result = new SignatureResult(layer.Digest.Text, SignatureVerdicts.Untrusted, kind);
        if (trust.IsEmpty) return (result with { Fault = "nothing is trusted here" }, null);
        if (content is null)
        {
            const string Fault = "its bytes are not in this repository, or too many";
            return (result with { Verdict = SignatureVerdicts.Failed, Fault = Fault }, null);
        }

        var signature = new SignatureLayer(layer.MediaType, layer.Annotations, content);
        var faults = new List<SignatureFault>();
        foreach (var (part, space) in new[] { (trust.Registry, ""), (trust.Namespace, trust.Space) })
        {
            if (NamespaceTrust.TrustsNobody(part)) continue;
            var verdict = SignatureVerification.Verify(image, signature, part, clock.GetUtcNow());
            if (verdict.Signature is { } verified) return (Of(layer, verified, space), verified.Statement);
            faults.Add(verdict.Fault!);
        }

        var fault = SignatureFault.MostTelling(faults);
        var word = fault.Kind == SignatureFaultKind.Untrusted
            ? SignatureVerdicts.Untrusted : SignatureVerdicts.Failed;
        return (result with { Verdict = word, Fault = Plain(fault.Reason) }, null);
    }

    private static SignatureResult Of(ArtifactLayer layer, VerifiedSignature verified, string space) =>
        new(layer.Digest.Text, SignatureVerdicts.Verified, SignatureWords.Of(verified.Kind))
        {
            Signer = Plain(verified.Signer),
            Issuer = Plain(verified.Issuer),
            TrustedBy = Plain(verified.TrustedBy),
            TrustedIn = space,
            PredicateType = Plain(verified.PredicateType),
            SignedAt = verified.SignedAt?.Time,
            TimeSource = verified.SignedAt is { } time ? SignatureWords.Of(time.Source) : null,
            Warnings = [.. verified.Warnings.Take(MaxWarnings).Select(one => Plain(one)!)],
        };

    /// <summary>Strangers wrote it, and no database takes everything.</summary>
    private static string? Plain(string? text) => text is null ? null : PlainText.Of(text, MaxTextChars);

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);

    private Task<int> PostponeAsync(SignedArtifactRow artifact, CancellationToken cancellation)
    {
        var wait = ShortestWait * Math.Pow(2, Math.Min(artifact.Looks, 20));
        var until = clock.GetUtcNow() + (wait < LongestWait ? wait : LongestWait);
        return WriteAsync(session => SignedArtifactTable.PostponeAsync(session, artifact.Id, until), cancellation);
    }

    private Task<int> EndAsync(
        SignedArtifactRow artifact, string state, NamespaceTrust trust, IReadOnlyList<SignatureResult> results,
        DateTimeOffset? until, CancellationToken cancellation, IEnumerable<VerifiedStatements>? said = null) =>
        WriteAsync(
            async session =>
            {
                foreach (var one in said ?? [])
                {
                    await ImageStatementTable.ReplaceAsync(
                        session, artifact.RepositoryId, one.Subject, one.Document, one.Rows);
                }

                await SignatureResultTable.ReplaceAsync(session, artifact.Id, results);
                return await SignedArtifactTable.EndAsync(
                    session, artifact.Id, state, trust.Versions, clock.GetUtcNow(), until);
            },
            cancellation);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The signatures in {Digest} in {Repository} are not verified: given up after {Attempts} attempts")]
    private partial void LogGivenUp(Digest digest, string repository, int attempts);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "The signatures in {Digest} in {Repository} could not be verified")]
    private partial void LogFailure(Digest digest, string repository, Exception exception);
}
