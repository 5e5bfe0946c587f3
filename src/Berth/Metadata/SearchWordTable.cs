using System.Collections.Concurrent;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>The kinds of words in the index of searches.</summary>
internal static class SearchKinds
{
    public const int WholeName = 1;
    public const int Name = 2;
    public const int Description = 3;
    public const int Tag = 4;
    public const int Label = 5;
    public const int Fact = 6;
}

/// <summary>
/// Writes the index of searches, in the transaction that changes what it is about. Most pushes add the words of a new
/// tag, and find that what their image says is there already.
/// </summary>
internal static class SearchWordTable
{
    private const string Columns = "(repository_id, word, kind, source, namespace, is_public)";

    private static readonly ConcurrentDictionary<(Type Engine, string Script), string> Statements = [];

    /// <summary>The words of a repository's name and description, in place of those it had.</summary>
    public static async ValueTask IndexNameAsync(Session session, long repositoryId)
    {
        if (await session.FirstAsync(
            "SELECT name, description FROM repository WHERE id = $1",
            row => new NamedText(row.GetString(0), row.TextOrNull(1)), repositoryId) is not { } known)
        {
            return;
        }

        await session.RunAsync("DELETE FROM search_word WHERE repository_id = $1 AND kind <= 3", repositoryId);
        await AddAsync(session, repositoryId, SearchKinds.WholeName, "", [SearchWords.Fold(known.Name)]);
        await AddAsync(session, repositoryId, SearchKinds.Name, "", SearchWords.InName(known.Name));
        if (known.Description is { } text)
            await AddAsync(session, repositoryId, SearchKinds.Description, "", SearchWords.InText(text));
    }

    public static async ValueTask AddTagsAsync(Session session, long repositoryId, IEnumerable<string> tags)
    {
        foreach (var tag in tags)
            await AddAsync(session, repositoryId, SearchKinds.Tag, tag, SearchWords.OfTag(tag));
    }

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

    /// <summary>Removes what only this image of the repository says, which is about to go.</summary>
    public static async ValueTask RemoveImageAsync(Session session, long repositoryId, Digest digest)
    {
        var set = await session.TextAsync(
            "SELECT search_set FROM manifest WHERE repository_id = $1 AND digest = $2", repositoryId, digest.Text);
        if (set is not null) await RemoveUnusedAsync(session, repositoryId, set, digest.Text);
    }

    private static async ValueTask RemoveUnusedAsync(Session session, long repositoryId, string set, string except)
    {
        var used = await session.NumberAsync(
            "SELECT 1 FROM manifest WHERE repository_id = $1 AND search_set = $2 AND digest <> $3 LIMIT 1",
            repositoryId, set, except);
        if (used is not null) return;
        await session.RunAsync(
            "DELETE FROM search_word WHERE repository_id = $1 AND source = $2 AND kind >= 5", repositoryId, set);
    }

    /// <summary>All but what is said of the repository itself.</summary>
    public static async ValueTask RemoveContentAsync(Session session, long repositoryId) => await session.RunAsync(
        "DELETE FROM search_word WHERE repository_id = $1 AND kind >= 4", repositoryId);

    /// <summary>What was found in a repository is found in another, which had nothing.</summary>
    public static async ValueTask MoveAsync(Session session, long from, long to)
    {
        await session.RunAsync(
            StatementFor(
                session,
                $$"""
                INSERT INTO search_word {{Columns}}
                SELECT r.id, w.word, w.kind, w.source, {namespace of r.name}, r.is_public
                FROM search_word w CROSS JOIN repository r
                WHERE w.repository_id = $1 AND w.kind >= 4 AND r.id = $2 ON CONFLICT DO NOTHING
                """),
            from, to);
        await RemoveContentAsync(session, from);
        await IndexNameAsync(session, from);
        await IndexNameAsync(session, to);
    }

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

    /// <summary>Reads again what some manifests of a repository say of themselves.</summary>
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
                if (known is not null) await RemoveUnusedAsync(session, repositoryId, known, digest);
            }
        }

        foreach (var set in images.Select(one => one.Set).DistinctBy(one => one.Id))
            await AddSetAsync(session, repositoryId, set);
    }

    private static async ValueTask AddAsync(
        Session session, long repositoryId, int kind, string source, IReadOnlyCollection<string> words) =>
        await session.RunAsync(
            StatementFor(
                session,
                $$"""
                WITH w (word) AS ({{session.TextsIn("$4")}})
                INSERT INTO search_word {{Columns}}
                SELECT r.id, w.word, CAST($2 AS BIGINT), CAST($3 AS TEXT), {namespace of r.name}, r.is_public
                FROM repository r CROSS JOIN w WHERE r.id = $1 ON CONFLICT DO NOTHING
                """),
            repositoryId, kind, source, Session.ToTexts(words));

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

    private sealed record NamedText(string Name, string? Description);
}
