using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>How a tag came to be where it is, as its history has it.</summary>
internal static class TagActions
{
    public const string Push = "push";
    public const string Move = "move";
    public const string Copy = "copy";
    public const string Restore = "restore";
    public const string Delete = "delete";
}

/// <summary>A tag whose time is over.</summary>
internal sealed record ExpiredTag(string Repository, string Tag, long At, long RepositoryId);

/// <summary>A move of a tag.</summary>
/// <param name="Id">Its number: later ones have higher ones.</param>
/// <param name="Digest">Where it went; null if it was deleted.</param>
/// <param name="Action">One of <see cref="TagActions"/>, or why it was deleted.</param>
internal sealed record TagMove(
    long Id, string? Digest, string Action, DateTimeOffset MovedAt, string MovedBy, string? Address)
{
    /// <summary>Whether what it pointed to is in the repository no more.</summary>
    public bool IsGone { get; init; }
}

/// <summary>A tag, and the manifest that it points to.</summary>
internal sealed record TagRow(
    string Name, string Digest, string MediaType, DateTimeOffset MovedAt, string MovedBy, DateTimeOffset PushedAt,
    string PushedBy)
{
    /// <summary>When it was last pulled by this name; null: not since it points there.</summary>
    public DateTimeOffset? PulledAt { get; init; }

    /// <summary>When the manifest was last pulled by its digest; null: never.</summary>
    public DateTimeOffset? ManifestPulledAt { get; init; }

    /// <summary>When it goes; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether rules and expiry pass over it.</summary>
    public bool IsPinned { get; init; }

    /// <summary>What its image is for, such as <c>linux/amd64</c>; null while that has not been read.</summary>
    public IReadOnlyList<string>? Platforms { get; init; }

    /// <summary>The bytes of its configs and layers, of all platforms, as stored; null while not read.</summary>
    public long? ContentBytes { get; init; }

    /// <summary>When its image was built, by what its config says.</summary>
    public DateTimeOffset? BuiltAt { get; init; }

    /// <summary>What an artifact is; for images, the type of the config.</summary>
    public string? ArtifactType { get; init; }
}

/// <summary>The tags of repositories and the history of their moves.</summary>
internal sealed class TagTable(TimeProvider clock)
{
    private const string OtherColumns =
        """
        t.name, t.digest, m.media_type, t.moved_at, t.moved_by, m.pushed_at, m.pushed_by, t.pulled_at, m.pulled_at,
            t.expires_at, t.is_pinned, b.platforms, b.built_at, m.artifact_type
        """;

    private const string Rows =
        """
        FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
            JOIN manifest_body b ON b.digest = t.digest
        WHERE t.repository_id = $1
        """;

    private const string Columns = $"{OtherColumns}, {ImageTable.SizeColumn} {Rows}";

    public static ValueTask<string?> FindAsync(Session session, long repositoryId, Tag tag) => session.TextAsync(
        "SELECT digest FROM tag WHERE repository_id = $1 AND name = $2", repositoryId, tag.Text);

    /// <summary>Names after <paramref name="last"/> in ordinal order, skipping some first.</summary>
    public static ValueTask<List<string>> ListAsync(
        Session session, long repositoryId, string last, int count, int skip) =>
        session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3 OFFSET $4",
            row => row.GetString(0), repositoryId, last, count, skip);

    /// <summary>
    /// Locks the tags that a push is about to move, then the manifest that it pushes with those that the tags leave,
    /// each in order: other pushes, and the times of pulls, then wait instead of deadlocking.
    /// </summary>
    public static async ValueTask LockForMoveAsync(
        Session session, long repositoryId, IEnumerable<Tag> tags, Digest digest)
    {
        // Where there is one writer, there is nothing to lock.
        if (session.ForUpdate.Length == 0) return;
        var left = await session.AllAsync(
            $"""
            SELECT digest FROM tag WHERE repository_id = $1 AND name IN ({session.TextsIn("$2")})
            ORDER BY name{session.ForUpdate}
            """,
            row => row.GetString(0), repositoryId, Session.ToTexts(tags.Select(tag => tag.Text)));
        if (left.Count == 0) return;
        await session.AllAsync(
            $"""
            SELECT digest FROM manifest WHERE repository_id = $1 AND digest IN ({session.TextsIn("$2")})
            ORDER BY digest{session.ForUpdate}
            """,
            row => row.GetString(0), repositoryId, Session.ToTexts(left.Append(digest.Text)));
    }

    /// <param name="session">A write.</param>
    /// <param name="repositoryId">The repository.</param>
    /// <param name="tag">The tag, which need not exist yet.</param>
    /// <param name="digest">Where it goes.</param>
    /// <param name="actor">Who moves it.</param>
    /// <param name="action">One of <see cref="TagActions"/>, for its history.</param>
    /// <param name="expiresAfter">When it goes, from now on; null: never.</param>
    public async ValueTask MoveAsync(
        Session session, long repositoryId, Tag tag, Digest digest, Actor actor, string action,
        TimeSpan? expiresAfter = null)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var expiresAt = now + (long?)expiresAfter?.TotalMilliseconds;
        while (true)
        {
            var last = await FindAsync(session, repositoryId, tag);
            if (last == digest.Text)
            {
                if (expiresAt is not null) await ExpireAsync(session, repositoryId, tag.Text, expiresAt);
                return;
            }

            if (last is not null) await GarbageTable.ReviewAsync(session, repositoryId, last, now);
            var moved = last is null
                ? await session.RunAsync(
                    """
                    INSERT INTO tag (repository_id, name, digest, moved_at, moved_by, expires_at)
                    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (repository_id, name) DO NOTHING
                    """,
                    repositoryId, tag.Text, digest.Text, now, actor.Name, expiresAt)
                : await session.RunAsync(
                    """
                    UPDATE tag SET digest = $3, moved_at = $4, moved_by = $5, expires_at = $6, pulled_at = NULL
                    WHERE repository_id = $1 AND name = $2 AND digest = $7
                    """,
                    repositoryId, tag.Text, digest.Text, now, actor.Name, expiresAt, last);

            // Another push has just moved it: what that one left there is what this one leaves behind.
            if (moved == 0) continue;
            if (last is null) await SearchWordTable.AddTagsAsync(session, repositoryId, [tag.Text]);
            await RecordAsync(session, repositoryId, tag.Text, digest.Text, actor, action);
            await SignedArtifactTable.AddTagAsync(session, repositoryId, tag.Text, digest.Text, clock.GetUtcNow());
            return;
        }
    }

    /// <summary>Sets when a tag goes, in milliseconds since 1970; null: never.</summary>
    public static async ValueTask ExpireAsync(Session session, long repositoryId, string tag, long? at) =>
        await session.RunAsync(
            "UPDATE tag SET expires_at = $3 WHERE repository_id = $1 AND name = $2", repositoryId, tag, at);

    /// <summary>Says whether rules and expiry pass over a tag.</summary>
    public static async ValueTask PinAsync(Session session, long repositoryId, string tag, bool isPinned) =>
        await session.RunAsync(
            "UPDATE tag SET is_pinned = $3 WHERE repository_id = $1 AND name = $2",
            repositoryId, tag, isPinned ? 1 : 0);

    /// <summary>Tags that should have gone before a time, and are not pinned, after one of them.</summary>
    public static ValueTask<List<ExpiredTag>> ExpiredAsync(
        Session session, long before, ExpiredTag? last, int count) => session.AllAsync(
            """
            SELECT r.name, t.name, t.expires_at, t.repository_id FROM tag t JOIN repository r ON r.id = t.repository_id
            WHERE t.expires_at <= $1 AND t.is_pinned = 0 AND (t.expires_at, t.repository_id, t.name) > ($2, $3, $4)
            ORDER BY t.expires_at, t.repository_id, t.name LIMIT $5
            """,
            row => new ExpiredTag(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3)),
            before, last?.At ?? -1, last?.RepositoryId ?? -1, last?.Tag ?? "", count);

    /// <summary>A page of the tags that have more than so many moves, deleted tags too.</summary>
    public static ValueTask<List<(long RepositoryId, string Name)>> WithMoreMovesAsync(
        Session session, int moves, long lastRepository, string lastTag, int count) => session.AllAsync(
            """
            SELECT repository_id, name FROM tag_history WHERE (repository_id, name) > ($1, $2)
            GROUP BY repository_id, name HAVING count(*) > $3 ORDER BY repository_id, name LIMIT $4
            """,
            row => (row.GetInt64(0), row.GetString(1)), lastRepository, lastTag, moves, count);

    /// <summary>
    /// Deletes moves of a tag that were made before a time, so many at most, but none of the last ones. Returns how
    /// many.
    /// </summary>
    public static ValueTask<int> TrimAsync(
        Session session, long repositoryId, string tag, int keep, DateTimeOffset before, int count) =>
        session.RunAsync(
            """
            DELETE FROM tag_history WHERE id IN (
                SELECT id FROM tag_history WHERE repository_id = $1 AND name = $2 AND moved_at < $4
                    AND id <= (SELECT id FROM tag_history WHERE repository_id = $1 AND name = $2
                        ORDER BY id DESC LIMIT 1 OFFSET $3)
                ORDER BY id LIMIT $5)
            """,
            repositoryId, tag, keep, before.ToUnixTimeMilliseconds(), count);

    /// <summary>Names of the tags that point to a manifest.</summary>
    public static ValueTask<List<string>> PointingToAsync(Session session, long repositoryId, Digest digest) =>
        session.AllAsync(
            "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2",
            row => row.GetString(0), repositoryId, digest.Text);

    /// <summary>Moves of a tag with ids before one, the newest first.</summary>
    public static ValueTask<List<TagMove>> HistoryAsync(
        Session session, long repositoryId, string tag, long before, int count) => session.AllAsync(
            """
            SELECT id, digest, action, moved_at, moved_by, address, digest IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM manifest m WHERE m.repository_id = h.repository_id AND m.digest = h.digest)
            FROM tag_history h WHERE repository_id = $1 AND name = $2 AND id < $3 ORDER BY id DESC LIMIT $4
            """,
            row => new TagMove(
                row.GetInt64(0), row.TextOrNull(1),
                row.IsDBNull(2) ? row.IsDBNull(1) ? TagActions.Delete : TagActions.Push : row.GetString(2),
                row.Time(3), row.GetString(4),
                row.TextOrNull(5))
            {
                IsGone = row.GetBoolean(6),
            },
            repositoryId, tag, before, count);

    /// <summary>Names of the tags that point to a manifest, or to an index that holds it.</summary>
    public static ValueTask<List<string>> HoldingAsync(Session session, long repositoryId, Digest digest) =>
        session.AllAsync(
            """
            WITH RECURSIVE holder (digest) AS (
                SELECT m.digest FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2
                UNION
                SELECT r.manifest_digest FROM manifest_reference r JOIN holder h ON h.digest = r.target_digest
                JOIN manifest m ON m.repository_id = r.repository_id AND m.digest = r.manifest_digest
                WHERE r.repository_id = $1 AND r.kind = 'Child')
            SELECT t.name FROM tag t JOIN holder h ON h.digest = t.digest WHERE t.repository_id = $1
            """,
            row => row.GetString(0), repositoryId, digest.Text);

    /// <summary>The tags among these that a repository has, with where they point.</summary>
    public static ValueTask<List<(string Name, string Digest)>> FindAllAsync(
        Session session, long repositoryId, IEnumerable<string> names) => session.AllAsync(
            $"SELECT name, digest FROM tag WHERE repository_id = $1 AND name IN ({session.TextsIn("$2")})",
            row => (row.GetString(0), row.GetString(1)), repositoryId, Session.ToTexts(names));

    /// <summary>
    /// The condition that a tag does not attach something to an image. It is looser than <see cref="AttachmentTag"/>,
    /// which SQL can't ask: whether the digest is one is not looked at.
    /// </summary>
    public static string IsOwn(string name) =>
        $"NOT ({IsAttached(name, "sha256-", 64)} OR {IsAttached(name, "sha512-", 128)})";

    private static string IsAttached(string name, string start, int hexDigits) =>
        $"(substr({name}, 1, 7) = '{start}' AND length({name}) >= {start.Length + hexDigits} "
        + $"AND substr({name}, {start.Length + hexDigits + 1}) IN ('', '.sig', '.att', '.sbom'))";

    /// <summary>Whether a repository has tags that attach something.</summary>
    public static async ValueTask<bool> HasAttachedAsync(Session session, long repositoryId) =>
        await session.NumberAsync(
            $"""
            SELECT 1 FROM tag WHERE repository_id = $1 AND (name > 'sha256-' AND name < 'sha256.'
                OR name > 'sha512-' AND name < 'sha512.') AND NOT {IsOwn("name")} LIMIT 1
            """,
            repositoryId) is not null;

    /// <summary>A tag with what it points to; null if there is none.</summary>
    public static async ValueTask<TagRow?> FindRowAsync(Session session, long repositoryId, string tag) =>
        await session.FirstAsync($"SELECT {Columns} AND t.name = $2", Read, repositoryId, tag);

    /// <summary>All tags with what they point to, but without their sizes.</summary>
    public static ValueTask<List<TagRow>> ListAllRowsAsync(Session session, long repositoryId) =>
        session.AllAsync($"SELECT {OtherColumns}, NULL {Rows} ORDER BY t.name", Read, repositoryId);

    /// <summary>A page of tags, with what they point to.</summary>
    public static ValueTask<List<TagRow>> ListRowsAsync(
        Session session, long repositoryId, TagQuery query, int count)
    {
        var (filter, values) = FilterOf(repositoryId, query);
        var (after, order) = WalkOf(query, values);
        values.Add(count);
        var rows = !query.IsScan || !query.IsIndexed ? Columns + after : Columns.Replace(
            "FROM tag t",
            $"""
            FROM (SELECT t.* FROM tag t WHERE t.repository_id = $1{after} ORDER BY {order}
                LIMIT {TagQuery.MostScanned}) t
            """,
            StringComparison.Ordinal);
        return session.AllAsync(
            $"SELECT {rows}{filter} ORDER BY {order} LIMIT ${values.Count}", Read, [.. values]);
    }

    /// <summary>Where a page ended that looked at as many names as one may; null if it came to the end.</summary>
    public static ValueTask<TagCursor?> FindScannedAsync(Session session, long repositoryId, TagQuery query)
    {
        var values = new List<object?> { repositoryId };
        var (after, order) = WalkOf(query, values);
        return session.FirstAsync(
            $"""
            SELECT t.moved_at, t.name FROM tag t WHERE t.repository_id = $1{after} ORDER BY {order}
            LIMIT 1 OFFSET {TagQuery.MostScanned - 1}
            """,
            row => new TagCursor(query.Order == TagOrder.Pushed ? row.GetInt64(0) : 0, row.GetString(1)),
            [.. values]);
    }

    /// <summary>Whether a repository has more tags than names are looked at in an order without an index.</summary>
    public static async ValueTask<bool> HasManyAsync(Session session, long repositoryId) => await session.NumberAsync(
        $"SELECT 1 FROM tag WHERE repository_id = $1 LIMIT 1 OFFSET {TagQuery.MostScanned}", repositoryId) is not null;

    /// <summary>What comes after the page before, and in which order.</summary>
    private static (string After, string Order) WalkOf(TagQuery query, List<object?> values)
    {
        var key = query.Order switch
        {
            TagOrder.Pushed => "t.moved_at",
            TagOrder.Pulled => "coalesce(t.pulled_at, 0)",
            TagOrder.Size => $"coalesce({ImageTable.SizeColumn}, 0)",
            _ => null,
        };
        var (sign, direction) = query.IsDescending ? ("<", " DESC") : (">", "");
        var order = (key is null ? "" : $"{key}{direction}, ") + $"t.name{direction}";
        if (query.After is not { } last) return ("", order);
        if (key is not null) values.Add(last.Key);
        values.Add(last.Name);
        return (key is null
            ? $" AND t.name {sign} ${values.Count}"
            : $" AND ({key}, t.name) {sign} (${values.Count - 1}, ${values.Count})", order);
    }

    /// <summary>How many tags match, counted up to a number.</summary>
    public static async ValueTask<long> CountAsync(Session session, long repositoryId, TagQuery query, int most)
    {
        var (filter, values) = FilterOf(repositoryId, query);
        values.Add(most);
        return await session.NumberAsync(
            $"""
            SELECT count(*) FROM (
                SELECT 1 FROM tag t WHERE t.repository_id = $1{filter} LIMIT ${values.Count}) matching
            """,
            [.. values]) ?? 0;
    }

    private static (string Filter, List<object?> Values) FilterOf(long repositoryId, TagQuery query)
    {
        var (filter, values) = ("", new List<object?> { repositoryId });
        if (query.Part is not null)
        {
            // The only character of tags that means something in a pattern.
            values.Add($"%{query.Part.ToLowerInvariant().Replace("_", "\\_", StringComparison.Ordinal)}%");
            filter += $" AND lower(t.name) LIKE ${values.Count} ESCAPE '\\'";
        }

        if (query.IsOwn) filter += $" AND {IsOwn("t.name")}";
        if (query.Digest is not null)
        {
            values.Add(query.Digest);
            filter += $" AND t.digest = ${values.Count}";
        }

        return (filter, values);
    }

    private static TagRow Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2),
        row.Time(3), row.GetString(4),
        row.Time(5), row.GetString(6))
    {
        PulledAt = row.TimeOrNull(7),
        ManifestPulledAt = row.TimeOrNull(8),
        ExpiresAt = row.TimeOrNull(9),
        IsPinned = Convert.ToInt64(row.GetValue(10)) != 0,
        Platforms = row.TextOrNull(11)?.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        BuiltAt = row.TimeOrNull(12),
        ArtifactType = row.TextOrNull(13),
        ContentBytes = row.IsDBNull(14) ? null : row.GetInt64(14),
    };

    /// <summary>The names of all tags and the digests of all manifests of a repository.</summary>
    public static ValueTask<List<string>> ReferencesAsync(Session session, long repositoryId) => session.AllAsync(
        """
        SELECT name FROM tag WHERE repository_id = $1
        UNION ALL
        SELECT digest FROM manifest WHERE repository_id = $1
        """,
        row => row.GetString(0), repositoryId);

    /// <summary>Writes a move into a tag's history.</summary>
    public async ValueTask RecordAsync(
        Session session, long repositoryId, string tag, string? digest, Actor actor, string action) =>
        await session.RunAsync(
            """
            INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by, address, action)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            repositoryId, tag, digest, clock.GetUtcNow().ToUnixTimeMilliseconds(), actor.Name, actor.Address, action);
}
