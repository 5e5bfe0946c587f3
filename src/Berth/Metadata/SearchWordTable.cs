using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The kinds of words in the index of searches.</summary>
internal static class SearchKinds
{
    /// <summary>Its only word is <see cref="Official"/>.</summary>
    public const int Mark = 0;

    public const int WholeName = 1;
    public const int Name = 2;
    public const int Description = 3;
    public const int Tag = 4;
    public const int Label = 5;
    public const int Fact = 6;

    /// <summary>Administrators vouch for it.</summary>
    public const string Official = "official";
}

/// <summary>
/// Writes the index of searches, in the transaction that changes what it is about. Most pushes add the words of a new
/// tag, and find that what their image says is there already.
/// </summary>
internal static class SearchWordTable
{
    private const string Columns = "(repository_id, word, kind, source, namespace, is_public)";

    /// <summary>What is written with the change that it belongs to; more is left to the job that mends.</summary>
    public const int MaxAtOnce = 20;

    private static readonly ConcurrentDictionary<(Type Engine, string Script), string> Statements = [];

    /// <summary>The words of a repository itself, by their kinds.</summary>
    public static IReadOnlyList<(int Kind, IReadOnlyCollection<string> Words)> WordsOf(IndexedRepository one) =>
        [
            (SearchKinds.Mark, one.IsOfficial ? [SearchKinds.Official] : []),
            (SearchKinds.WholeName, [SearchWords.Fold(one.Name)]), (SearchKinds.Name, SearchWords.InName(one.Name)),
            (SearchKinds.Description, one.Description is { } text ? SearchWords.InText(text) : []),
        ];

    /// <summary>
    /// The words of a repository's name, description and mark, in place of those it had. Whoever changes them at the
    /// same time is waited for.
    /// </summary>
    public static async ValueTask IndexNameAsync(Session session, long repositoryId)
    {
        if (await session.FirstAsync(
            $"{IndexedRepository.Columns} WHERE id = $1{session.ForNoKeyUpdate}", IndexedRepository.Read, repositoryId)
            is not { } known)
        {
            return;
        }

        var there = await session.AllAsync(
            "SELECT kind, word FROM search_word WHERE repository_id = $1 AND kind <= 3",
            row => (Kind: row.GetInt64(0), Word: row.GetString(1)), repositoryId);
        foreach (var (kind, words) in WordsOf(known))
        {
            var old = there.Where(one => one.Kind == kind).Select(one => one.Word).ToHashSet(StringComparer.Ordinal);
            var (stale, missing) = (old.Except(words).ToList(), words.Except(old).ToList());
            if (stale.Count > 0)
            {
                await session.RunAsync(
                    $"""
                    DELETE FROM search_word WHERE repository_id = $1 AND word IN ({session.TextsIn("$2")}) AND kind = $3
                    """,
                    repositoryId, Session.ToTexts(stale), kind);
            }

            if (missing.Count > 0)
            {
                await session.RunAsync(
                    AdditionFor(session), repositoryId, kind, "", Session.ToTexts(missing));
            }
        }
    }

    /// <summary>Adds the words of tags, in one round trip if possible.</summary>
    public static ValueTask AddTagsAsync(Session session, long repositoryId, IEnumerable<string> tags) =>
        session.RunEachAsync(
            AdditionFor(session),
            [.. tags.Select(tag => new object?[]
            {
                repositoryId, SearchKinds.Tag, tag, Session.ToTexts(SearchWords.OfTag(tag)),
            })]);

    public static async ValueTask RemoveTagAsync(Session session, long repositoryId, string tag) =>
        await session.RunAsync(
            $"""
            DELETE FROM search_word WHERE repository_id = $1 AND word IN ({session.TextsIn("$2")}) AND kind = 4
                AND source = $3
            """,
            repositoryId, Session.ToTexts(SearchWords.OfTag(tag)), tag);

    /// <summary>What an image says of itself; nothing is written if others of the repository say the same.</summary>
    public static async ValueTask AddSetAsync(Session session, long repositoryId, SearchSet set) =>
        await session.RunAsync(
            StatementFor(
                session,
                $$"""
                WITH w (word, kind) AS (SELECT a.*, 5 FROM ({{session.TextsIn("$3")}}) AS a
                    UNION ALL SELECT b.*, 6 FROM ({{session.TextsIn("$4")}}) AS b)
                INSERT INTO search_word {{Columns}}
                SELECT r.id, w.word, w.kind, CAST($2 AS TEXT), {namespace of r.name}, r.is_public
                FROM repository r CROSS JOIN w
                WHERE r.id = $1 AND NOT EXISTS (SELECT 1 FROM search_word s
                    WHERE s.repository_id = $1 AND s.source = $2 AND s.kind >= 5)
                ON CONFLICT DO NOTHING
                """),
            repositoryId, set.Id, Session.ToTexts(set.Words), Session.ToTexts(set.Facts));

    /// <summary>
    /// Removes what only this image of the repository says, which is about to go, in a write that excludes all others
    /// to the repository: a push that says the same would count on it.
    /// </summary>
    public static async ValueTask RemoveImageAsync(Session session, long repositoryId, Digest digest)
    {
        var set = await session.TextAsync(
            "SELECT search_set FROM manifest WHERE repository_id = $1 AND digest = $2", repositoryId, digest.Text);
        if (set is null || await session.NumberAsync(
            "SELECT 1 FROM manifest WHERE repository_id = $1 AND search_set = $2 AND digest <> $3 LIMIT 1",
            repositoryId, set, digest.Text) is not null)
        {
            return;
        }

        await session.RunAsync(
            "DELETE FROM search_word WHERE repository_id = $1 AND source = $2 AND kind >= 5", repositoryId, set);
    }

    /// <summary>Gives words of a repository the namespace and the visibility that it has.</summary>
    public static ValueTask CorrectAsync(Session session, long repositoryId, IEnumerable<IndexedWord> words) =>
        session.RunEachAsync(
            StatementFor(
                session,
                """
                UPDATE search_word SET
                    namespace = (SELECT {namespace of r.name} FROM repository r WHERE r.id = $1),
                    is_public = (SELECT r.is_public FROM repository r WHERE r.id = $1)
                WHERE repository_id = $1 AND word = $2 AND kind = $3 AND source = $4
                """),
            [.. words.Select(one => new object?[] { repositoryId, one.Word, one.Kind, one.Source })]);

    /// <summary>Removes words of a repository, unless what they are of is there again.</summary>
    public static ValueTask RemoveStaleAsync(Session session, long repositoryId, IEnumerable<IndexedWord> words) =>
        session.RunEachAsync(
            """
            DELETE FROM search_word WHERE repository_id = $1 AND word = $2 AND kind = $3 AND source = $4
                AND NOT EXISTS (SELECT 1 FROM tag t
                    WHERE t.repository_id = $1 AND t.name = search_word.source AND search_word.kind = 4)
                AND NOT EXISTS (SELECT 1 FROM manifest m
                    WHERE m.repository_id = $1 AND m.search_set = search_word.source AND search_word.kind >= 5)
            """,
            [.. words.Select(one => new object?[] { repositoryId, one.Word, one.Kind, one.Source })]);

    /// <summary>What the images say that are about to be copied.</summary>
    /// <param name="session">A write.</param>
    /// <param name="from">From where.</param>
    /// <param name="to">To where.</param>
    /// <param name="digests">Which, as <see cref="Session.ToTexts"/> has them.</param>
    public static async ValueTask CopySetsAsync(Session session, long from, long to, string digests) =>
        await session.RunAsync(
            StatementFor(
                session,
                $$"""
                INSERT INTO search_word {{Columns}}
                SELECT r.id, w.word, w.kind, w.source, {namespace of r.name}, r.is_public
                FROM search_word w CROSS JOIN repository r
                WHERE w.repository_id = $1 AND w.kind >= 5 AND r.id = $2 AND w.source IN (
                    SELECT m.search_set FROM manifest m WHERE m.repository_id = $1
                        AND m.search_set IS NOT NULL AND m.digest IN ({{session.TextsIn("$3")}}))
                ON CONFLICT DO NOTHING
                """),
            from, to, digests);

    /// <summary>Reads again what manifests say of themselves, wherever they are.</summary>
    public static async ValueTask IndexEverywhereAsync(Session session, IEnumerable<string> digests)
    {
        var places = await session.AllAsync(
            $"""
            SELECT repository_id, digest FROM manifest WHERE digest IN ({session.TextsIn("$1")})
            ORDER BY repository_id, digest
            """,
            row => (Id: row.GetInt64(0), Digest: row.GetString(1)), Session.ToTexts(digests));
        foreach (var place in places.GroupBy(one => one.Id, one => one.Digest))
            await IndexImagesAsync(session, place.Key, place);
    }

    /// <summary>
    /// Reads again what some manifests of a repository say of themselves. What they said before stays, since a push may
    /// count on it; it is removed when all of the repository is looked at.
    /// </summary>
    public static async ValueTask IndexImagesAsync(Session session, long repositoryId, IEnumerable<string> digests)
    {
        var images = await session.AllAsync(
            $"""
            SELECT m.digest, m.media_type, m.artifact_type, m.search_set, b.platforms, b.labels, b.body
            FROM manifest m JOIN manifest_body b ON b.digest = m.digest
            WHERE m.repository_id = $1 AND m.digest IN ({session.TextsIn("$2")}) ORDER BY m.digest
            """,
            row => (Digest: row.GetString(0), Known: row.TextOrNull(3), Set: SearchSet.Of(
                row.TextOrNull(2), row.TextOrNull(4), row.TextOrNull(5),
                AnnotationsOf((byte[])row.GetValue(6), row.GetString(1)))),
            repositoryId, Session.ToTexts(digests));
        foreach (var (digest, known, set) in images)
        {
            if (known != set.Id)
            {
                await session.RunAsync(
                    "UPDATE manifest SET search_set = $3 WHERE repository_id = $1 AND digest = $2",
                    repositoryId, digest, set.Id);
            }
        }

        foreach (var set in images.Select(one => one.Set).DistinctBy(one => one.Id))
            await AddSetAsync(session, repositoryId, set);
    }

    /// <summary>Adds words of a kind and a source.</summary>
    private static string AdditionFor(Session session) => StatementFor(
        session,
        $$"""
        WITH w (word) AS ({{session.TextsIn("$4")}})
        INSERT INTO search_word {{Columns}}
        SELECT r.id, w.word, CAST($2 AS BIGINT), CAST($3 AS TEXT), {namespace of r.name}, r.is_public
        FROM repository r CROSS JOIN w WHERE r.id = $1 ON CONFLICT DO NOTHING
        """);

    private static string StatementFor(Session session, string script) => Statements.GetOrAdd(
        (session.GetType(), script), _ => session.Translate(script));

    private static string? AnnotationsOf(byte[] body, string mediaType)
    {
        try
        {
            return Manifest.Parse(body, mediaType).AnnotationsJson;
        }
        catch (ManifestFormatException)
        {
            // Another version took it.
            return null;
        }
    }
}
