namespace Berth.Vulnerabilities;

/// <summary>A vulnerability of a version of a package.</summary>
/// <param name="Record">The vulnerability.</param>
/// <param name="Affected">What it says of the package: of several entries, the first.</param>
/// <param name="FixedIn">The lowest later version without it; null if there is none.</param>
internal sealed record OsvHit(OsvRecord Record, OsvAffected Affected, string? FixedIn)
{
    /// <summary>The scores of its vectors: of those of the package, or else of the record.</summary>
    public IEnumerable<CvssScore> Scores => Severities.Select(one => Cvss.Score(one.Score)).OfType<CvssScore>();

    /// <summary>The score that is shown, and its vector: of version 3 if there is one, as others do; null if there is
    /// none.</summary>
    public (CvssScore Score, string Vector)? Shown => Severities
        .Select(one => (Score: Cvss.Score(one.Score), Vector: one.Score)).Where(one => one.Score is not null)
        .OrderBy(one => RankOf(one.Score!.Value))
        .Select(one => ((CvssScore, string)?)(one.Score!.Value, one.Vector)).FirstOrDefault();

    /// <summary>How bad it is; null if nobody has said it. What the package's own database says of it comes before what
    /// holds for everybody, and a score before a word.</summary>
    public Severity? Severity
    {
        get
        {
            if (Record.IsMalicious) return Vulnerabilities.Severity.Critical;
            var score = Scores.OrderBy(RankOf).Select(one => (Severity?)one.Severity).FirstOrDefault();
            return SeverityOf(Affected.SeverityWord)
                ?? Severities.Select(one => SeverityOf(one.Score)).FirstOrDefault(one => one is not null)
                ?? score
                ?? SeverityOf(Record.SeverityWord);
        }
    }

    /// <summary>The top ones are those of the record, which does not have them if entries have their own.</summary>
    private IReadOnlyList<OsvSeverity> Severities =>
        Affected.Severities.Count > 0 ? Affected.Severities : Record.Severities;

    private static int RankOf(CvssScore score) => score.Version switch { "3.1" => 0, "3.0" => 1, "4.0" => 2, _ => 3 };

    /// <summary>The words of GitHub, Debian, Ubuntu and Red Hat. What Debian calls unimportant does no harm in what it
    /// builds.</summary>
    private static Severity? SeverityOf(string? word) => word?.ToUpperInvariant() switch
    {
        "UNIMPORTANT" or "NONE" => Vulnerabilities.Severity.None,
        "NEGLIGIBLE" or "LOW" => Vulnerabilities.Severity.Low,
        "MEDIUM" or "MODERATE" => Vulnerabilities.Severity.Medium,
        "HIGH" or "IMPORTANT" => Vulnerabilities.Severity.High,
        "CRITICAL" => Vulnerabilities.Severity.Critical,
        _ => null,
    };
}
