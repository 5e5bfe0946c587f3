using Berth.Metadata;
using Berth.Oci;
using Berth.Scanning;
using Berth.Settings;
using Berth.Verifying;

namespace Berth.Policies;

/// <summary>What a policy has against an image.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Others">What it lacks besides a signature, each with what to do.</param>
internal sealed record Objection(Policy Policy, IReadOnlyList<string> Others)
{
    /// <summary>That it is not signed; null: that is not what it lacks.</summary>
    public string? Unsigned { get; init; }

    public bool OnlyWarns => Policy.Spec.OnlyWarns;

    /// <summary>What it lacks, each with what to do.</summary>
    /// <param name="isNamed">Whether whoever reads this may know whom the policy exempts.</param>
    public IReadOnlyList<string> Reasons(bool isNamed = false) => Unsigned is null
        ? Others : [.. Others, $"{Unsigned}: {SignatureReasons.SayWhoSigns(Policy, isNamed)}"];
}

/// <summary>Finds out what policies have against images.</summary>
internal sealed class PolicyJudge(
    Database database, SignatureResults signatures, AttachedDocuments documents, LimitSettings limits,
    TimeProvider clock)
{
    /// <summary>More than any image has that could be let through: of those with more, nothing is certain.</summary>
    private const int MaxFindings = 5000;

    /// <summary>What policies have against an image; nothing if it is not there, or no image.</summary>
    /// <param name="repository">Where it is.</param>
    /// <param name="digest">Its manifest. Of an index, each image is asked about when it is pulled.</param>
    /// <param name="known">The policies that are asked, and what they pass over.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="isPushed">Whether it is judged as if it were pushed now.</param>
    /// <param name="to">Where it is to be: what is trusted there counts. Null: it stays.</param>
    public async Task<IReadOnlyList<Objection>> JudgeAsync(
        RepositoryName repository, Digest digest, RepositoryPolicies known, CancellationToken cancellation,
        bool isPushed = false, RepositoryName? to = null)
    {
        if (known.Policies.Count == 0 || await database.ReadAsync(
            session => RepositoryTable.FindAsync(session, repository), cancellation) is not { } id)
        {
            return [];
        }

        var row = await database.ReadAsync(
            session => JudgedImageTable.FindAsync(session, id, digest), cancellation);
        if (row is null || MediaTypes.IsIndex(row.MediaType)) return [];
        var image = JudgedImage.Of(row, limits.ReferencesPerManifest);
        if (image.IsAttachment) return [];
        image = await CompleteAsync(image, repository, id, known, cancellation);
        image = image.TrustedIn((to ?? repository).Namespace);
        if (!isPushed && known.Policies.Any(one => SignatureReasons.Find(one, image, out _) is not null))
        {
            image = image with
            {
                SignaturesWaitAgain = await signatures.FindWaitingAsync(repository, digest, cancellation),
            };
        }

        return Judge(image, known, isPushed);
    }

    /// <summary>What policies have against an image that is being pushed. What comes later is not asked for; what is
    /// known of the same image elsewhere counts.</summary>
    public async Task<IReadOnlyList<Objection>> JudgePushedAsync(
        JudgedImage image, RepositoryPolicies known, CancellationToken cancellation)
    {
        if (known.Policies.Count == 0 || image.IsAttachment) return [];
        return Judge(await AddContentsAsync(image, null, 0, known, cancellation), known, isPushed: true);
    }

    private async Task<JudgedImage> CompleteAsync(
        JudgedImage image, RepositoryName repository, long id, RepositoryPolicies known,
        CancellationToken cancellation)
    {
        var policies = known.Policies;
        if (image.HasFiles) image = await AddContentsAsync(image, repository, id, known, cancellation);
        if (policies.Any(one => one.Spec.AsksForSignatures))
            image = image with { Signatures = await signatures.OfAsync(repository, image.Digest, cancellation) };
        return policies.Any(one => one.Spec.AsksForDocuments)
            ? image with { Documents = await documents.OfAsync(id, image.Digest, cancellation) } : image;
    }

    /// <summary>What is known of what is in it, and what is said of that where it is, if that is known.</summary>
    private async Task<JudgedImage> AddContentsAsync(
        JudgedImage image, RepositoryName? repository, long id, RepositoryPolicies known,
        CancellationToken cancellation)
    {
        if (known.Policies.Any(one => one.Spec.AsksForVulnerabilities))
            image = await AddFindingsAsync(image, repository, id, known, cancellation);
        return known.Policies.Any(one => one.Spec.AsksForLicenses)
            ? image with
            {
                Licenses = await database.ReadAsync(
                    session => ImageLicenseTable.FindAsync(session, image.Digest), cancellation),
            }
            : image;
    }

    private async Task<JudgedImage> AddFindingsAsync(
        JudgedImage image, RepositoryName? repository, long id, RepositoryPolicies known,
        CancellationToken cancellation)
    {
        var statements = repository is not { } place ? ImageStatements.None : await database.ReadAsync(
            session => ImageStatements.OfAsync(session, place, id, image.Digest), cancellation);
        // Those that are exploited are read anyway.
        var least = known.Policies.Where(one => one.Spec.AsksForVulnerabilities)
            .Min(one => one.MaxSeverity ?? Policy.Severities.Count);
        var waived = known.Waivers.Select(one => one.Vulnerability).Distinct().ToList();
        var (scan, findings, uncovered, names) = await database.ReadAsync(
            async session => await ImageFindingTable.FindAsync(session, image.Digest) is { } found
                ? (found, await ImageFindingTable.WorstOfAsync(
                    session, found.Id, least, statements.HasAffected, MaxFindings + 1),
                    await PackageCoverage.FindUncoveredAsync(session, found),
                    waived.Count == 0 ? [] : await FindingTable.NamesOfAsync(session, waived))
                : ((ImageFindingsRow?)null, [], null, []),
            cancellation);
        return image with
        {
            Scan = scan,
            Findings = findings,
            Statements = statements,
            Uncovered = uncovered,
            WaivedNames = names.ToLookup(one => one.Name, one => one.Alias, StringComparer.Ordinal),
            UnreadFindingsFrom = findings.Count > MaxFindings ? findings[^1].Finding.Severity : null,
        };
    }

    private List<Objection> Judge(JudgedImage image, RepositoryPolicies known, bool isPushed)
    {
        var now = clock.GetUtcNow();
        var found = new List<Objection>();
        foreach (var policy in known.Policies)
        {
            var (unsigned, isUnsigned) = ((string?)null, false);
            if (!isPushed) unsigned = SignatureReasons.Find(policy, image, out isUnsigned);
            List<string> others =
            [
                .. VulnerabilityReasons.Of(policy, image, known.Waivers, now, isPushed),
                .. LicenseReasons.Of(policy, image, now, isPushed),
                .. ImageReasons.Of(policy, image, now),
                .. isPushed ? [] : ImageReasons.OfAttached(policy, image),
                .. unsigned is null || isUnsigned ? [] : new[] { unsigned },
            ];
            if (others.Count > 0 || isUnsigned)
                found.Add(new Objection(policy, others) { Unsigned = isUnsigned ? unsigned : null });
        }

        return found;
    }
}
