using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Pulls of a manifest, by a tag or by its digest.</summary>
/// <param name="Repository">The repository's name.</param>
/// <param name="Tag">The tag; null if it was pulled by its digest.</param>
/// <param name="Digest">The manifest.</param>
/// <param name="LastAt">The last one, in milliseconds since 1970.</param>
/// <param name="Count">How many.</param>
internal sealed record Pull(string Repository, string? Tag, string Digest, long LastAt, int Count);

/// <summary>When manifests and tags were last pulled, and how often repositories were.</summary>
internal static class PullTable
{
    public const long MillisecondsPerDay = 24 * 60 * 60 * 1000;

    /// <summary>Removes counts of days before a time, so many at most. Returns how many.</summary>
    public static ValueTask<int> TrimAsync(Session session, DateTimeOffset before, int count) => session.RunAsync(
        """
        DELETE FROM pull_day WHERE (repository_id, day) IN (
            SELECT repository_id, day FROM pull_day WHERE day < $1 ORDER BY day LIMIT $2)
        """,
        before.ToUnixTimeMilliseconds() / MillisecondsPerDay, count);

    /// <summary>Pulls from a repository by day, from one on; days without any are missing.</summary>
    public static async ValueTask<Dictionary<long, long>> DaysAsync(Session session, long repositoryId, long first) =>
        (await session.AllAsync(
            "SELECT day, pulls FROM pull_day WHERE repository_id = $1 AND day >= $2",
            row => (Day: row.GetInt64(0), Pulls: row.GetInt64(1)), repositoryId, first))
        .ToDictionary(one => one.Day, one => one.Pulls);

    /// <summary>
    /// Those that count as pulls of the repository: an image for several platforms counts once, not again for the
    /// platform's own manifest, and what is attached to an image does not count.
    /// </summary>
    private static async ValueTask<List<Pull>> CountedAsync(Session session, List<Pull> pulls)
    {
        var counted = new List<Pull>();
        foreach (var group in pulls.Where(IsCounted).GroupBy(pull => pull.Repository))
        {
            var digests = group.Where(pull => pull.Tag is null).Select(pull => pull.Digest).Distinct().ToList();
            HashSet<string> parts = digests.Count == 0 ? [] : [.. await session.AllAsync(
                $"""
                SELECT m.digest FROM repository r JOIN manifest m ON m.repository_id = r.id
                WHERE r.name = $1 AND m.digest IN ({session.TextsIn("$2")})
                    AND (m.subject_digest IS NOT NULL OR EXISTS (
                        SELECT 1 FROM manifest_reference c WHERE c.repository_id = m.repository_id
                            AND c.target_digest = m.digest AND c.kind = 'Child'))
                """,
                row => row.GetString(0), group.Key, Session.ToTexts(digests))];
            counted.AddRange(group.Where(pull => pull.Tag is not null || !parts.Contains(pull.Digest)));
        }

        return counted;
    }

    private static bool IsCounted(Pull pull) =>
        pull.Count > 0 && (pull.Tag is null || AttachmentTag.SubjectOf(pull.Tag) is null);

    /// <summary>Writes pulls. Of what is gone by now, nothing is written.</summary>
    public static async ValueTask AddAsync(Session session, IReadOnlyList<Pull> pulls)
    {
        // Tags first, and all in order, as pushes lock them (TagTable.LockForMoveAsync): otherwise they could deadlock.
        await session.RunEachAsync(
            """
            UPDATE tag SET pulled_at = $3 WHERE name = $2 AND digest = $4 AND coalesce(pulled_at, 0) < $3
                AND repository_id = (SELECT id FROM repository WHERE name = $1)
            """,
            [.. pulls.Where(pull => pull.Tag is not null)
                .OrderBy(pull => pull.Repository, StringComparer.Ordinal)
                .ThenBy(pull => pull.Tag, StringComparer.Ordinal)
                .Select(pull => new object?[] { pull.Repository, pull.Tag, pull.LastAt, pull.Digest })]);
        var ordered = pulls.OrderBy(pull => pull.Repository, StringComparer.Ordinal)
            .ThenBy(pull => pull.Digest, StringComparer.Ordinal).ToList();
        await session.RunEachAsync(
            """
            UPDATE manifest SET pulled_at = $3 WHERE digest = $2 AND coalesce(pulled_at, 0) < $3
                AND repository_id = (SELECT id FROM repository WHERE name = $1)
            """,
            [.. ordered.Select(pull => new object?[] { pull.Repository, pull.Digest, pull.LastAt })]);
        var counted = await CountedAsync(session, ordered);
        await session.RunEachAsync(
            """
            INSERT INTO pull_day (repository_id, day, pulls) SELECT id, $2, $3 FROM repository
            WHERE name = $1 AND deleted_at IS NULL
            ON CONFLICT (repository_id, day) DO UPDATE SET pulls = pull_day.pulls + excluded.pulls
            """,
            [.. counted.GroupBy(pull => (pull.Repository, Day: pull.LastAt / MillisecondsPerDay)).Select(
                day => new object?[] { day.Key.Repository, day.Key.Day, day.Sum(pull => (long)pull.Count) })]);
        await session.RunEachAsync(
            "UPDATE repository SET pulls = pulls + $2 WHERE name = $1 AND deleted_at IS NULL",
            [.. counted.GroupBy(pull => pull.Repository).Select(
                one => new object?[] { one.Key, one.Sum(pull => (long)pull.Count) })]);
    }
}
