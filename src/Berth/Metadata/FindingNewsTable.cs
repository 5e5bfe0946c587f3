using Berth.Oci;

namespace Berth.Metadata;

/// <summary>A vulnerability of a package that an image has, by when it was first seen.</summary>
internal sealed record FindingNewsRow(
    long FirstSeen, long Package, long Vulnerability, string Repository, bool IsPublic, Digest Image, PackageKey Key,
    FindingRow Finding)
{
    /// <summary>Other names of the vulnerability, with spaces between them.</summary>
    public string Aliases { get; init; } = "";
}

/// <summary>Finds what is new of vulnerabilities of images.</summary>
internal static class FindingNewsTable
{
    /// <summary>
    /// In the order in which they were first seen. Those that do not count, since those who know say so, are left out,
    /// unless something else is said in the repository.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="since">Not those before, in milliseconds.</param>
    /// <param name="severity">Not those that are less bad.</param>
    /// <param name="isInUse">Only images that somebody has pinned, or whose index they have.</param>
    /// <param name="places">Where.</param>
    /// <param name="last">The one before the first; null: from the beginning.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<FindingNewsRow>> ListAsync(
        Session session, long since, long severity, bool isInUse, RepositoryPlaces places, FindingNewsRow? last,
        int count)
    {
        var values = new List<object?>
        {
            Math.Max(since, last?.FirstSeen ?? 0), severity, last?.FirstSeen ?? -1, last?.Package ?? -1,
            last?.Vulnerability ?? -1,
            last?.Repository ?? "", last?.Image.Text ?? "", count,
        };
        return session.AllAsync(
            $"""
            SELECT p.id, p.type, p.name, p.version, p.ecosystem, p.source, p.source_version, p.module,
                f.record, f.severity, f.fixed_in, f.score, f.vector, f.fix_at, f.first_seen, f.vex, f.vex_reason,
                f.is_exploited, v.name, v.id, repository.name, repository.is_public, m.digest, v.aliases
            FROM finding f JOIN vulnerability v ON v.id = f.vulnerability_id JOIN package p ON p.id = f.package_id
            JOIN image_package i ON i.package_id = f.package_id JOIN image_scan s ON s.id = i.image_id
            JOIN manifest m ON m.digest = s.digest JOIN repository ON repository.id = m.repository_id
            WHERE f.first_seen >= $1 AND f.severity >= $2 AND s.state = 'read'
                AND (f.vex = '' OR EXISTS (
                    SELECT 1 FROM image_statement t WHERE t.repository_id = m.repository_id))
                AND m.repository_id IN (SELECT id FROM repository WHERE listed = 1 {places.Condition(session, values)})
                AND (f.first_seen, f.package_id, f.vulnerability_id, repository.name, m.digest) > ($3, $4, $5, $6, $7)
                AND m.media_type IN ('{MediaTypes.OciManifest}', '{MediaTypes.DockerManifest}')
                {(isInUse ? InUse : "")}
            ORDER BY f.first_seen, f.package_id, f.vulnerability_id, repository.name, m.digest LIMIT $8
            """,
            row => new FindingNewsRow(
                row.GetInt64(14), row.GetInt64(0), row.GetInt64(19), row.GetString(20),
                Convert.ToInt64(row.GetValue(21)) != 0, Digest.Parse(row.GetString(22)),
                PackageSearchTable.Read(row).Key, FindingTable.ReadFinding(row, row.GetString(18), 8))
            {
                Aliases = row.GetString(23),
            },
            [.. values]);
    }

    private const string InUse =
        """
        AND EXISTS (SELECT 1 FROM pin WHERE (pin.repository = '' OR pin.repository = repository.name)
            AND (pin.digest = m.digest OR pin.digest IN (SELECT r.manifest_digest FROM manifest_reference r
                WHERE r.repository_id = m.repository_id AND r.target_digest = m.digest AND r.kind = 'Child')))
        """;
}
