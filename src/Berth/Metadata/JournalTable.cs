using System.Data.Common;
using System.Globalization;
using System.Text.Json.Serialization;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>Something that the journal lacks.</summary>
/// <param name="Id">Its number.</param>
/// <param name="RepositoryId">The repository.</param>
/// <param name="Kind">One of <see cref="ChangeKinds"/>.</param>
/// <param name="Name">The manifest's digest, the tag's name, or the move's id.</param>
internal sealed record JournalChange(long Id, long RepositoryId, string Kind, string Name);

/// <summary>What a database knows of the journal beside the blobs.</summary>
/// <param name="LastNumber">The highest number that a file may have; 0 if there is none.</param>
/// <param name="IsBehind">Whether there are files with higher ones: the database is an older one.</param>
/// <param name="NeedsSnapshot">Whether what the files say is not all there is.</param>
internal sealed record JournalState(long LastNumber, bool IsBehind, bool NeedsSnapshot);

/// <summary>What journal changes are about.</summary>
internal static class ChangeKinds
{
    public const string Manifest = "manifest";
    public const string Tag = "tag";
    public const string Move = "move";
}

/// <summary>
/// A manifest as the journal keeps it. Unlinked are digests that it names, but that its repository has no link of, with
/// blanks between: foreign layers, and what others have. A rebuild must not link them either.
/// </summary>
internal sealed record JournaledManifest(
    long RepositoryId, string Repository, string Digest, string MediaType, long PushedAt, string PushedBy,
    long? ExpiresAfterMs, byte[] Body, string? Unlinked)
{
    /// <summary>Whether the body is what the digest says.</summary>
    [JsonIgnore]
    public bool IsWhole => Oci.Digest.TryParse(Digest, out var digest)
        && Oci.Digest.Of(digest.Algorithm, Body) == digest;
}

/// <summary>A tag as the journal keeps it. Times are milliseconds since 1970.</summary>
internal sealed record JournaledTag(
    long RepositoryId, string Repository, string Name, string Digest, long MovedAt, string MovedBy, bool IsPinned,
    long? ExpiresAt);

/// <summary>A move of a tag as the journal keeps it; without a digest it is a deletion.</summary>
internal sealed record JournaledMove(
    long Id, string Repository, string Name, string? Digest, long MovedAt, string MovedBy, string? Address,
    string? Action);

/// <summary>What the journal lacks, what it keeps, and who writes it.</summary>
internal static class JournalTable
{
    private const int Page = 1000;

    private const string Manifests =
        """
        SELECT m.repository_id, r.name, m.digest, m.media_type, m.pushed_at, m.pushed_by, m.expires_after_ms, b.body,
            (SELECT string_agg(n.target_digest, ' ') FROM manifest_reference n
                WHERE n.repository_id = m.repository_id AND n.manifest_digest = m.digest AND n.kind <> 'Subject'
                AND NOT EXISTS (SELECT 1 FROM repository_blob l
                    WHERE l.repository_id = n.repository_id AND l.digest = n.target_digest))
        FROM manifest m JOIN repository r ON r.id = m.repository_id JOIN manifest_body b ON b.digest = m.digest
        """;

    private const string Tags =
        """
        SELECT t.repository_id, r.name, t.name, t.digest, t.moved_at, t.moved_by, t.is_pinned, t.expires_at
        FROM tag t JOIN repository r ON r.id = t.repository_id
        """;

    private const string Moves =
        """
        SELECT h.id, r.name, h.name, h.digest, h.moved_at, h.moved_by, h.address, h.action
        FROM tag_history h JOIN repository r ON r.id = h.repository_id
        """;

    public static async ValueTask<bool> HasChangesAsync(Session session) =>
        await session.NumberAsync("SELECT 1 FROM journal_change LIMIT 1") is not null;

    public static ValueTask<List<JournalChange>> ChangesAsync(Session session, int count) => session.AllAsync(
        "SELECT id, repository_id, kind, name FROM journal_change ORDER BY id LIMIT $1",
        row => new JournalChange(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3)), count);

    /// <summary>Forgets changes that the journal has now.</summary>
    public static ValueTask RemoveAsync(Session session, IEnumerable<JournalChange> changes) => session.RunEachAsync(
        "DELETE FROM journal_change WHERE id = $1", [.. changes.Select(change => new object?[] { change.Id })]);

    /// <summary>Lets a node write the journal until a time, unless another may. False if it must not.</summary>
    public static async ValueTask<bool> TakeTurnAsync(Session session, string node, long now, long until) =>
        await session.RunAsync(
            """
            INSERT INTO journal_writer (id, node, leased_until) VALUES (1, $1, $3)
            ON CONFLICT (id) DO UPDATE SET node = $1, leased_until = $3
            WHERE journal_writer.node = $1 OR journal_writer.leased_until < $2
            """,
            node, now, until) > 0;

    /// <summary>Lets others write at once.</summary>
    public static ValueTask<int> EndTurnAsync(Session session, string node) =>
        session.RunAsync("UPDATE journal_writer SET leased_until = 0 WHERE id = 1 AND node = $1", node);

    /// <summary>What the database knows of the journal's files.</summary>
    public static async ValueTask<JournalState> StateAsync(Session session) => await session.FirstAsync(
        "SELECT last_number, is_behind, needs_snapshot FROM journal_writer WHERE id = 1",
        row => new JournalState(row.GetInt64(0), row.GetInt64(1) != 0, row.GetInt64(2) != 0))
        ?? new JournalState(0, IsBehind: false, NeedsSnapshot: false);

    /// <summary>Takes the number of a file before it is written. False if the node must not write any more.</summary>
    public static async ValueTask<bool> ReserveAsync(Session session, string node, long number) =>
        await session.RunAsync(
            "UPDATE journal_writer SET last_number = $1 WHERE id = 1 AND last_number < $1 AND node = $2",
            number, node) > 0;

    /// <summary>Whether the journal has more than this database, which is an older one that was restored.</summary>
    public static async ValueTask<bool> IsBehindAsync(Session session) => (await StateAsync(session)).IsBehind;

    public static ValueTask<int> SetBehindAsync(Session session, bool isBehind) => session.RunAsync(
        """
        INSERT INTO journal_writer (id, node, leased_until, is_behind) VALUES (1, '', 0, $1)
        ON CONFLICT (id) DO UPDATE SET is_behind = $1
        """,
        isBehind ? 1 : 0);

    /// <summary>Says whether what the files say is not all there is, so that all of it is to be written.</summary>
    public static ValueTask<int> SetIncompleteAsync(Session session, bool isIncomplete) => session.RunAsync(
        """
        INSERT INTO journal_writer (id, node, leased_until, needs_snapshot) VALUES (1, '', 0, $1)
        ON CONFLICT (id) DO UPDATE SET needs_snapshot = $1
        """,
        isIncomplete ? 1 : 0);

    /// <summary>Records that this database has what the journal has up to a number, and perhaps more.</summary>
    public static ValueTask<int> CatchUpAsync(Session session, long number) => session.RunAsync(
        """
        INSERT INTO journal_writer (id, node, leased_until, last_number, needs_snapshot) VALUES (1, '', 0, $1, 1)
        ON CONFLICT (id) DO UPDATE SET last_number = $1, is_behind = 0, needs_snapshot = 1
        """,
        number);

    public static ValueTask<JournaledManifest?> ManifestAsync(Session session, long repositoryId, string digest) =>
        session.FirstAsync(
            $"{Manifests} WHERE m.repository_id = $1 AND m.digest = $2", ManifestOf, repositoryId, digest);

    /// <summary>Manifests after one, up to the first for which <paramref name="isLast"/> is true.</summary>
    public static ValueTask<List<JournaledManifest>> ManifestsAsync(
        Session session, JournaledManifest? last, Func<JournaledManifest, bool> isLast) => session.UntilAsync(
            $"""
            {Manifests} WHERE (m.repository_id, m.digest) > ($1, $2)
            ORDER BY m.repository_id, m.digest LIMIT {Page}
            """,
            ManifestOf, isLast, last?.RepositoryId ?? -1, last?.Digest ?? "");

    public static ValueTask<JournaledTag?> TagAsync(Session session, long repositoryId, string name) =>
        session.FirstAsync($"{Tags} WHERE t.repository_id = $1 AND t.name = $2", TagOf, repositoryId, name);

    /// <summary>Tags after one.</summary>
    public static ValueTask<List<JournaledTag>> TagsAsync(Session session, JournaledTag? last) => session.AllAsync(
        $"{Tags} WHERE (t.repository_id, t.name) > ($1, $2) ORDER BY t.repository_id, t.name LIMIT {Page}",
        TagOf, last?.RepositoryId ?? -1, last?.Name ?? "");

    public static ValueTask<JournaledMove?> MoveAsync(Session session, long id) =>
        session.FirstAsync($"{Moves} WHERE h.id = $1", MoveOf, id);

    /// <summary>Moves after one.</summary>
    public static ValueTask<List<JournaledMove>> MovesAsync(Session session, JournaledMove? last) => session.AllAsync(
        $"{Moves} WHERE h.id > $1 ORDER BY h.id LIMIT {Page}", MoveOf, last?.Id ?? 0);

    /// <summary>Those of some moves that there are, by their ids.</summary>
    public static ValueTask<List<JournaledMove>> KnownMovesAsync(Session session, IReadOnlyList<long> ids) =>
        session.AllAsync(
            $"""
            {Moves} WHERE h.id BETWEEN $1 AND $2 AND CAST(h.id AS TEXT) IN ({session.TextsIn("$3")})
            """,
            MoveOf, ids.Min(), ids.Max(),
            Session.ToTexts(ids.Select(id => id.ToString(CultureInfo.InvariantCulture))));

    public static ValueTask<string?> RepositoryAsync(Session session, long id) =>
        session.TextAsync("SELECT name FROM repository WHERE id = $1", id);

    public static async ValueTask<bool> HasManifestsAsync(Session session) =>
        await session.NumberAsync("SELECT 1 FROM manifest LIMIT 1") is not null;

    private static JournaledManifest ManifestOf(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4), row.GetString(5),
        row.NumberOrNull(6), (byte[])row.GetValue(7), row.TextOrNull(8));

    private static JournaledTag TagOf(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4), row.GetString(5),
        row.GetInt64(6) != 0, row.NumberOrNull(7));

    private static JournaledMove MoveOf(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.TextOrNull(3), row.GetInt64(4), row.GetString(5),
        row.TextOrNull(6), row.TextOrNull(7));
}

/// <summary>What a rebuild writes beside what a push writes, from the journal; and what it asks.</summary>
internal static class RebuiltRows
{
    /// <summary>Adds moves with the ids that they had.</summary>
    public static ValueTask AddMovesAsync(
        Session session, IEnumerable<(long RepositoryId, JournaledMove Move)> moves) => session.RunEachAsync(
            """
            INSERT INTO tag_history (id, repository_id, name, digest, moved_at, moved_by, address, action)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [.. moves.Select(one => new object?[]
            {
                one.Move.Id, one.RepositoryId, one.Move.Name, one.Move.Digest, one.Move.MovedAt, one.Move.MovedBy,
                one.Move.Address, one.Move.Action,
            })]);

    /// <summary>Gives the moves from one on ids after all that there are, and after another, in the same order.
    /// </summary>
    public static async ValueTask MoveBehindAsync(Session session, long first, long last)
    {
        last = Math.Max(last, await session.NumberAsync("SELECT max(id) FROM tag_history") ?? 0);
        await session.RunAsync("UPDATE tag_history SET id = id + $2 WHERE id >= $1", first, last + 1 - first);
    }

    /// <summary>Puts a tag where the journal has it, unless it has moved since. False if it stays.</summary>
    public static async ValueTask<bool> PutTagAsync(Session session, long repositoryId, JournaledTag tag)
    {
        await SearchWordTable.AddTagsAsync(session, repositoryId, [tag.Name]);
        return await session.RunAsync(
            """
            INSERT INTO tag (repository_id, name, digest, moved_at, moved_by, is_pinned, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (repository_id, name) DO UPDATE
            SET digest = $3, moved_at = $4, moved_by = $5, is_pinned = $6, expires_at = $7,
                pulled_at = CASE WHEN tag.digest = $3 THEN tag.pulled_at END
            WHERE tag.moved_at < $4 OR (tag.digest = $3 AND tag.moved_at = $4
                AND (tag.is_pinned <> $6 OR tag.expires_at IS DISTINCT FROM $7))
            """,
            repositoryId, tag.Name, tag.Digest, tag.MovedAt, tag.MovedBy, tag.IsPinned ? 1 : 0, tag.ExpiresAt) > 0;
    }

    /// <summary>Lets the collector look at manifests that had lost their tags.</summary>
    public static async ValueTask ReviewUntaggedAsync(Session session, DateTimeOffset now) => await session.RunAsync(
        """
        UPDATE manifest SET review_since = $1 WHERE review_since IS NULL
            AND (repository_id, digest) IN (SELECT repository_id, digest FROM tag_history WHERE digest IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM tag t
                WHERE t.repository_id = manifest.repository_id AND t.digest = manifest.digest)
        """,
        now.ToUnixTimeMilliseconds());

    /// <summary>
    /// Puts off the search for blobs that nothing knows: somebody may still find what names them.
    /// </summary>
    public static async ValueTask DelayOrphansAsync(Session session, DateTimeOffset until) => await session.RunAsync(
        """
        INSERT INTO job (kind, unique_key, payload, due_at) VALUES ('find-orphans', 'find-orphans', '', $1)
        ON CONFLICT (unique_key) DO UPDATE SET due_at = $1
        """,
        until.ToUnixTimeMilliseconds());

    /// <summary>Forgets all changes: the journal that they came from has them.</summary>
    public static async ValueTask ForgetChangesAsync(Session session) =>
        await session.RunAsync("DELETE FROM journal_change");
}
