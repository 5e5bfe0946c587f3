using Berth.Metadata;
using Berth.Oci;

namespace Berth.Scanning;

/// <summary>How many vulnerabilities images have by what is said of them where they are. What is counted once for all
/// repositories does not know of that.</summary>
internal static class StatedCounts
{
    /// <summary>Of an image, and the vulnerabilities that something is said of.</summary>
    private const int MaxFindings = 50_000;

    /// <summary>How many each of some manifests has: of an index, the most of any of its images.</summary>
    public static async ValueTask<Dictionary<string, FindingCounts>> OfAsync(
        Session session, RepositoryName repository, long repositoryId, IEnumerable<string> digests)
    {
        var rows = await ImageFindingTable.CountsOfAsync(session, repositoryId, digests);
        var changed = new Dictionary<string, FindingCounts>();
        var isAny = await ImageStatementTable.IsAnyAsync(session, repositoryId);
        foreach (var (_, image, id, counts) in isAny ? rows.DistinctBy(one => one.Image) : [])
        {
            var said = await ImageStatements.OfAsync(session, repository, repositoryId, Digest.Parse(image));
            if (!said.IsEmpty) changed[image] = await WithAsync(session, id, counts, said);
        }

        return rows.GroupBy(one => one.Digest, one => changed.GetValueOrDefault(one.Image) ?? one.Counts)
            .ToDictionary(group => group.Key, group => group.Aggregate((all, next) => all.With(next, Math.Max)));
    }

    /// <summary>How many an image has.</summary>
    public static async ValueTask<FindingCounts> OfAsync(
        Session session, RepositoryName repository, Digest image, ImageFindingsRow row) =>
        await RepositoryTable.FindAsync(session, repository) is { } id
        && await ImageStatements.OfAsync(session, repository, id, image) is { IsEmpty: false } statements
            ? await WithAsync(session, row.Id, row.Counts, statements) : row.Counts;

    private static async ValueTask<FindingCounts> WithAsync(
        Session session, long image, FindingCounts counts, ImageStatements statements)
    {
        var rows = await ImageFindingTable.NamedAsync(session, image, statements.Names, MaxFindings);
        var (before, after) = (CountsOf(rows), CountsOf(rows.Select(statements.Apply)));
        return counts.With(before, (all, gone) => Math.Max(0, all - gone)).With(after, (kept, come) => kept + come);
    }

    /// <summary>Each counts once, at its worst.</summary>
    private static FindingCounts CountsOf(IEnumerable<ImageFindingRow> rows)
    {
        var worst = rows.Where(one => one.Finding.Vex.Length == 0).GroupBy(one => one.Vulnerability.Name)
            .Select(group => (
                Severity: group.Max(one => one.Finding.Severity),
                IsFixable: group.Any(one => one.Finding.FixedIn.Length > 0),
                IsExploited: group.Any(one => one.Finding.IsExploited))).ToList();
        return new FindingCounts
        {
            Critical = worst.Count(one => one.Severity == 4),
            High = worst.Count(one => one.Severity == 3),
            Medium = worst.Count(one => one.Severity == 2),
            Low = worst.Count(one => one.Severity == 1),
            Harmless = worst.Count(one => one.Severity == 0),
            Unknown = worst.Count(one => one.Severity == -1),
            Fixable = worst.Count(one => one.IsFixable),
            Exploited = worst.Count(one => one.IsExploited),
        };
    }
}
