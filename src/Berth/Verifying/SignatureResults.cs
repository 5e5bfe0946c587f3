using Berth.Metadata;
using Berth.Oci;

namespace Berth.Verifying;

/// <summary>What is known of the signatures of images. Asking changes nothing and verifies nothing.</summary>
internal sealed class SignatureResults(Database database)
{
    /// <summary>Whoever may push can attach any number.</summary>
    private const int MaxFound = 100;

    /// <summary>
    /// The verified signatures of a manifest, and of the indexes in the repository that have it: whoever signs an index
    /// signs what it lists. None counts that was verified by what may no longer count. Attestations are among them:
    /// <see cref="SignatureResult.IsSignature"/> tells.
    /// </summary>
    public async Task<IReadOnlyList<FoundSignature>> OfAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) =>
        await FindAsync(repository, digest, onlyVerified: true, cancellation);

    /// <summary>Whether some are not verified yet (false), or not since what is trusted changed (true); null if none
    /// waits.</summary>
    public async Task<bool?> FindWaitingAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        var waiting = (await AllOfAsync(repository, digest, cancellation))
            .Where(one => one.State == ArtifactStates.Waiting).ToList();
        return waiting.Count == 0 ? null : waiting.Exists(one => one.CheckedAt is not null);
    }

    /// <summary>All of them, verified ones first, whatever came of them.</summary>
    public async Task<IReadOnlyList<FoundSignature>> AllOfAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation) =>
        await FindAsync(repository, digest, onlyVerified: false, cancellation);

    private async Task<List<FoundSignature>> FindAsync(
        RepositoryName repository, Digest digest, bool onlyVerified, CancellationToken cancellation)
    {
        var (found, state) = await database.ReadAsync(
            async session =>
            {
                // The numbers first: a change in between makes what is found too old, and never too new.
                var state = await TrustTable.StateAsync(session, repository.Namespace);
                return await RepositoryTable.FindAsync(session, repository) is { } id
                    ? (await SignatureResultTable.FindAsync(session, id, digest, onlyVerified, MaxFound), state)
                    : ([], state);
            },
            cancellation);
        var seen = new HashSet<Digest>();
        return
        [
            .. found.GroupBy(one => (one.Artifact, one.Tag)).Where(group => seen.Add(group.Key.Artifact))
                .SelectMany(group => Current(group, state))
                .Where(one => !onlyVerified || one.Result is not null),
        ];
    }

    /// <summary>
    /// What came of a manifest's signatures; that it waits, if that is not known. What was verified counts on while it
    /// waits, unless it may count no more.
    /// </summary>
    private static IEnumerable<FoundSignature> Current(IEnumerable<FoundSignature> all, TrustState state)
    {
        var first = all.First();
        if (first.State != ArtifactStates.Waiting)
        {
            if (first.Versions.IsSince(state.Present)) return all;
            var verified = all.Where(one => one.Result?.Verdict == SignatureVerdicts.Verified).ToList();
            var counting = verified.FindAll(
                one => one.Versions.Counts(state.Kept, isOfRegistry: one.Result!.TrustedIn == ""));
            if (counting.Count > 0) return counting.Count == verified.Count ? counting : [.. counting, Waiting()];
        }

        return [Waiting()];

        FoundSignature Waiting() => first with { State = ArtifactStates.Waiting, Result = null };
    }
}
