using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Words that are looked for: from the first, and before another.</summary>
/// <param name="Kinds">In which kinds, from the best.</param>
internal sealed record WordRange(string From, string Before, IReadOnlyList<int> Kinds);

/// <summary>Where a search looks: everywhere, in some namespaces, or only at what is public.</summary>
/// <param name="Namespaces">Which; null for all.</param>
/// <param name="IsPublic">Whether only what is public counts.</param>
internal sealed record SearchScope(IReadOnlyList<string>? Namespaces, bool IsPublic);

/// <summary>A part of the index that is in order.</summary>
/// <param name="Namespace">Which; null for all.</param>
/// <param name="IsPublic">Which visibility; null for both, which only all namespaces together have.</param>
/// <param name="Kind">Which kind of words.</param>
internal sealed record SearchLane(string? Namespace, bool? IsPublic, int Kind);

/// <summary>A word on one of some lanes.</summary>
internal sealed record WalkedWord(int Lane, string Word, string Namespace, long RepositoryId);

/// <summary>A repository that a search may answer with.</summary>
internal sealed record SearchCandidate(
    long Id, string Name, bool IsPublic, string? Description, long Stars, long Pulls, bool IsOfficial);

/// <summary>Where a word was found, besides the name and the description.</summary>
internal sealed record SearchFind(long Id, string? Tag, string? Label);

/// <summary>
/// Reads the index of searches. Each query reads so many rows at most, along one index. A plus before a column keeps
/// the planners of both engines from an index on it, which would be long: the repository's own words are few.
/// </summary>
internal static class SearchTable
{
    /// <summary>Whether what a word is of is there; until a repository is mended, it may be gone.</summary>
    private const string IsThere =
        """
        (s.kind <= 3 OR EXISTS (SELECT 1 FROM tag t
            WHERE s.kind = 4 AND t.repository_id = s.repository_id AND t.name = s.source)
        OR EXISTS (SELECT 1 FROM manifest m
            WHERE s.kind >= 5 AND m.repository_id = s.repository_id AND m.search_set = s.source))
        """;

    /// <summary>Words along some lanes, the first of each, in one round trip.</summary>
    /// <param name="session">A read.</param>
    /// <param name="range">The words.</param>
    /// <param name="groups">
    /// Where to look: the lanes of one namespace each, which differ in the namespace alone, or one group of all.
    /// </param>
    /// <param name="after">Where to go on, if there is only one lane.</param>
    /// <param name="rows">The most rows that are read of each lane.</param>
    /// <returns>Those of each group.</returns>
    public static ValueTask<List<List<WalkedWord>>> WalkAsync(
        Session session, WordRange range, IReadOnlyList<IReadOnlyList<SearchLane>> groups, WalkedWord? after, int rows)
    {
        var lanes = groups[0];
        var parameters = new List<object?> { after?.Word ?? range.From, range.Before, rows };
        var where = "word >= $1 AND word < $2";
        if (after is not null)
        {
            where += lanes[0].Namespace is null
                ? " AND (word, namespace, repository_id) > ($1, $5, $4)" : " AND (word, repository_id) > ($1, $4)";
            parameters.Add(after.RepositoryId);
        }

        var isNamespaced = (lanes[0].Namespace ?? after?.Namespace) is not null;
        if (isNamespaced) parameters.Add(null);
        var order = lanes[0].Namespace is null ? "word, namespace, repository_id" : "word, repository_id";
        var walks = lanes.Select((lane, i) =>
            $"""
            SELECT * FROM (SELECT {i} AS lane, word, namespace, repository_id FROM search_word
                WHERE {(lane.Namespace is null ? "" : $"namespace = ${parameters.Count} AND ")}
                    {(lane.IsPublic is { } isPublic ? $"is_public = {(isPublic ? 1 : 0)} AND " : "")}
                    kind = {lane.Kind} AND {where} ORDER BY {order} LIMIT $3) AS lane_{i}
            """);
        return session.AllOfEachAsync(
            string.Join(" UNION ALL ", walks),
            row => new WalkedWord(row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetInt64(3)),
            [.. groups.Select(group =>
            {
                if (isNamespaced) parameters[^1] = group[0].Namespace ?? after!.Namespace;
                return parameters.ToArray();
            })]);
    }

    /// <summary>Those of some repositories that have a word of a range.</summary>
    /// <param name="session">A read.</param>
    /// <param name="ids">The repositories.</param>
    /// <param name="range">The words.</param>
    /// <param name="isChecked">Whether what a word is of must be there, as it is unless the repository is pending.
    /// </param>
    public static ValueTask<List<long>> HavingAsync(
        Session session, IEnumerable<long> ids, WordRange range, bool isChecked) => session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT CAST(w.id AS BIGINT) FROM wanted w WHERE EXISTS (SELECT 1 FROM search_word s
                WHERE s.repository_id = CAST(w.id AS BIGINT) AND s.word >= $2 AND s.word < $3
                    AND +s.kind IN ({string.Join(", ", range.Kinds)}){(isChecked ? " AND " + IsThere : "")})
            """,
            row => row.GetInt64(0), ToTexts(ids), range.From, range.Before);

    /// <summary>Those of some repositories with a phrase in a label.</summary>
    public static ValueTask<List<long>> WithPhraseAsync(Session session, IEnumerable<long> ids, string phrase) =>
        session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT CAST(w.id AS BIGINT) FROM wanted w WHERE EXISTS (SELECT 1 FROM search_word s
                WHERE s.repository_id = CAST(w.id AS BIGINT) AND s.word >= 'label:' AND s.word < 'label;'
                    AND +s.kind = 6 AND s.word LIKE $2 ESCAPE '!' AND {IsThere})
            """,
            row => row.GetInt64(0), ToTexts(ids), Session.LikeOf(phrase));

    /// <summary>Those of these repositories that hold anything.</summary>
    public static ValueTask<List<SearchCandidate>> CandidatesAsync(Session session, IEnumerable<long> ids) =>
        session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT r.id, r.name, r.is_public, r.description, r.stars, r.pulls, r.is_official
            FROM wanted w CROSS JOIN repository r
            WHERE r.id = CAST(w.id AS BIGINT) AND r.listed = 1 AND r.deleted_at IS NULL
            """,
            row => new SearchCandidate(
                row.GetInt64(0), row.GetString(1), Convert.ToInt64(row.GetValue(2)) != 0, row.TextOrNull(3),
                row.GetInt64(4), row.GetInt64(5), row.GetInt64(6) != 0),
            ToTexts(ids));

    /// <summary>The repositories that an account has starred.</summary>
    public static ValueTask<List<long>> StarredAsync(Session session, long accountId, int count) => session.AllAsync(
        "SELECT repository_id FROM star WHERE account_id = $1 ORDER BY repository_id LIMIT $2",
        row => row.GetInt64(0), accountId, count);

    /// <summary>
    /// How many of some repositories are for each platform and of each type, the most frequent first. Of those that are
    /// pending, only what is there counts.
    /// </summary>
    public static ValueTask<List<(string Fact, long Count)>> CountFactsAsync(
        Session session, IEnumerable<long> ids, int count) => session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")}),
                kinds (start, before) AS (SELECT 'platform:', 'platform;' UNION ALL SELECT 'type:', 'type;')
            SELECT s.word, count(DISTINCT s.repository_id) FROM wanted w CROSS JOIN kinds k CROSS JOIN search_word s
            WHERE s.repository_id = CAST(w.id AS BIGINT) AND s.word >= k.start AND s.word < k.before AND +s.kind = 6
                AND (NOT EXISTS (SELECT 1 FROM search_pending p WHERE p.repository_id = s.repository_id) OR {IsThere})
            GROUP BY s.word ORDER BY 2 DESC, 1 LIMIT $2
            """,
            row => (row.GetString(0), row.GetInt64(1)), ToTexts(ids), count);

    /// <summary>Where repositories have a word: a tag that is there, and a label.</summary>
    public static ValueTask<List<SearchFind>> FindsAsync(Session session, IEnumerable<long> ids, WordRange range) =>
        session.AllAsync(
            $"""
            WITH wanted (id) AS ({session.TextsIn("$1")})
            SELECT CAST(w.id AS BIGINT),
                (SELECT s.source FROM search_word s WHERE s.repository_id = CAST(w.id AS BIGINT) AND s.word >= $2
                    AND s.word < $3 AND +s.kind = 4 AND EXISTS (SELECT 1 FROM tag t
                        WHERE t.repository_id = s.repository_id AND t.name = s.source) LIMIT 1),
                (SELECT coalesce((SELECT l.word FROM search_word l WHERE l.repository_id = s.repository_id
                        AND l.word >= 'label:' AND l.word < 'label;' AND +l.kind = 6 AND l.source = s.source
                        AND l.word LIKE '%' || s.word || '%' LIMIT 1), s.word)
                    FROM search_word s WHERE s.repository_id = CAST(w.id AS BIGINT) AND s.word >= $2
                    AND s.word < $3 AND +s.kind >= 5 AND {IsThere} LIMIT 1)
            FROM wanted w
            """,
            row => new SearchFind(row.GetInt64(0), row.TextOrNull(1), row.TextOrNull(2)),
            ToTexts(ids), range.From, range.Before);

    /// <summary>
    /// Different words in names, from one and before another: from each to the next, however many repositories have it.
    /// Those that dashes join are passed over: each of their parts is a word of its own.
    /// </summary>
    public static ValueTask<List<string>> NameWordsAsync(Session session, WordRange range, bool isPublic, int count)
    {
        const string Last = "CASE WHEN {start of v.word} = v.word THEN v.word ELSE {start of v.word} || $4 END";
        var also = isPublic ? " AND is_public = 1" : "";
        const string Next = "ORDER BY word LIMIT 1";
        return session.AllAsync(
            session.Translate($"""
            WITH RECURSIVE v (word) AS (
                SELECT * FROM (SELECT word FROM search_word
                    WHERE kind = 2 AND word >= $1 AND word < $2{also} {Next}) AS first
                UNION ALL
                SELECT (SELECT n.word FROM search_word n WHERE n.kind = 2 AND n.word > {Last} AND n.word < $2{also}
                    {Next}) FROM v WHERE v.word IS NOT NULL)
            SELECT word FROM v WHERE word IS NOT NULL LIMIT $3
            """),
            row => row.GetString(0), range.From, range.Before, count, SearchWords.EndOf("-"));
    }

    /// <summary>Ids as one parameter.</summary>
    public static string ToTexts(IEnumerable<long> ids) => Session.ToTexts(
        ids.Select(id => id.ToString(System.Globalization.CultureInfo.InvariantCulture)));
}
