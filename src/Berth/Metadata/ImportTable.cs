using System.Data.Common;

namespace Berth.Metadata;

/// <summary>What an import has done so far. What it brought counts over all its runs, the rest is of the last one.
/// </summary>
/// <param name="Repositories">Repositories that it has finished.</param>
/// <param name="Manifests">Manifests that it brought.</param>
/// <param name="Tags">Tags that it made or moved.</param>
/// <param name="Blobs">Blobs that it brought.</param>
/// <param name="Linked">Those of them that take no space, since they are hard links.</param>
/// <param name="Bytes">The length of these manifests and blobs.</param>
/// <param name="FoundManifests">Manifests in the source, so far as it has looked.</param>
/// <param name="FoundTags">Tags there.</param>
/// <param name="TotalFiles">Manifests and blobs in the source that were not here when it began.</param>
/// <param name="TotalBytes">Their length.</param>
/// <param name="LeftFiles">Those of them that it has not brought in the end, since nothing needs them.</param>
/// <param name="LeftBytes">Their length.</param>
/// <param name="Notes">How much it has to say about single things.</param>
internal sealed record ImportReport(
    long Repositories, long Manifests, long Tags, long Blobs, long Linked, long Bytes, long FoundManifests,
    long FoundTags, long TotalFiles, long TotalBytes, long LeftFiles, long LeftBytes, long Notes)
{
    public static ImportReport Nothing { get; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/// <summary>The states of an import, as the table has them.</summary>
internal static class ImportStates
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Done = "done";
    public const string Failed = "failed";
}

/// <summary>An import that somebody asked for.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Source">The path, on the machine that runs it.</param>
/// <param name="Target">The repository, and maybe the tag, that an archive goes to; null: as it says itself.</param>
/// <param name="Overwrites">Whether it moves tags that somebody has pushed here.</param>
/// <param name="State">One of <see cref="ImportStates"/>.</param>
/// <param name="Done">What it has done so far.</param>
internal sealed record ImportRow(
    long Id, string Source, string? Target, bool Overwrites, string State, ImportReport Done)
{
    public DateTimeOffset RequestedAt { get; init; }

    public string RequestedBy { get; init; } = "";

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it failed, so far as it did.</summary>
    public string? Error { get; init; }
}

/// <summary>Something that an import could not take, or left as it is.</summary>
/// <param name="Kind">A word for what it is.</param>
/// <param name="Subject">What it is about: a repository, a tag or a digest in it.</param>
/// <param name="Detail">The rest, for people.</param>
internal sealed record ImportNote(string Kind, string Subject, string Detail)
{
    public long Id { get; init; }
}

/// <summary>Imports that somebody asked for, and what they found.</summary>
internal static class ImportTable
{
    /// <summary>The most imports that are kept.</summary>
    private const int Kept = 1000;

    private const string Columns =
        """
        id, source, target, overwrites, state, requested_at, requested_by, started_at, ended_at, error,
            repositories, manifests, tags, blobs, linked, bytes, found_manifests, found_tags, total_files, total_bytes,
            left_files, left_bytes, notes
        FROM registry_import
        """;

    public static ValueTask<ImportRow?> FindAsync(Session session, long id) =>
        session.FirstAsync($"SELECT {Columns} WHERE id = $1", Read, id);

    /// <summary>The same import, if it is waiting or running: it has a job.</summary>
    public static ValueTask<ImportRow?> FindActiveAsync(Session session, string source, string? target, string kind) =>
        session.FirstAsync(
            $"""
            SELECT {Columns} WHERE source = $1 AND coalesce(target, '') = $2 AND state IN ('waiting', 'running')
                AND EXISTS (SELECT 1 FROM job WHERE kind = $3 AND payload = CAST(registry_import.id AS TEXT))
            ORDER BY id DESC LIMIT 1
            """,
            Read, source, target ?? "", kind);

    /// <summary>Those with ids before one, the newest first.</summary>
    public static ValueTask<List<ImportRow>> ListAsync(Session session, long before, int count) =>
        session.AllAsync($"SELECT {Columns} WHERE id < $1 ORDER BY id DESC LIMIT $2", Read, before, count);

    /// <summary>Records that one is wanted.</summary>
    public static async ValueTask<ImportRow> AddAsync(Session session, ImportRow row)
    {
        var id = await session.NumberAsync(
            """
            INSERT INTO registry_import (source, target, overwrites, state, requested_at, requested_by, repositories,
                manifests, tags, blobs, linked, bytes, found_manifests, found_tags, total_files, total_bytes,
                left_files, left_bytes, notes)
            VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) RETURNING id
            """,
            row.Source, row.Target, row.Overwrites ? 1L : 0L, row.State, row.RequestedAt.ToUnixTimeMilliseconds(),
            row.RequestedBy);
        await session.RunAsync("DELETE FROM import_note WHERE import_id <= $1", id!.Value - Kept);
        await session.RunAsync("DELETE FROM registry_import WHERE id <= $1", id.Value - Kept);
        return row with { Id = id.Value };
    }

    /// <summary>Writes how far it is.</summary>
    public static async ValueTask UpdateAsync(Session session, ImportRow row)
    {
        var done = row.Done;
        await session.RunAsync(
            """
            UPDATE registry_import SET state = $2, started_at = $3, ended_at = $4, error = $5, repositories = $6,
                manifests = $7, tags = $8, blobs = $9, linked = $10, bytes = $11, found_manifests = $12,
                found_tags = $13, total_files = $14, total_bytes = $15, left_files = $16, left_bytes = $17, notes = $18
            WHERE id = $1
            """,
            row.Id, row.State, row.StartedAt?.ToUnixTimeMilliseconds(), row.EndedAt?.ToUnixTimeMilliseconds(),
            row.Error, done.Repositories, done.Manifests, done.Tags, done.Blobs, done.Linked, done.Bytes,
            done.FoundManifests, done.FoundTags, done.TotalFiles, done.TotalBytes, done.LeftFiles, done.LeftBytes,
            done.Notes);
    }

    /// <summary>Adds to what an import found.</summary>
    public static async ValueTask NoteAsync(Session session, long id, IReadOnlyCollection<ImportNote> notes)
    {
        if (notes.Count == 0) return;
        await session.RunEachAsync(
            "INSERT INTO import_note (import_id, kind, subject, detail) VALUES ($1, $2, $3, $4)",
            [.. notes.Select(note => new object?[] { id, note.Kind, note.Subject, note.Detail })]);
    }

    /// <summary>Forgets what an import found: it looks again.</summary>
    public static async ValueTask ForgetNotesAsync(Session session, long id) =>
        await session.RunAsync("DELETE FROM import_note WHERE import_id = $1", id);

    /// <summary>What an import found, after the note with an id.</summary>
    public static ValueTask<List<ImportNote>> NotesAsync(Session session, long id, long after, int count) =>
        session.AllAsync(
            "SELECT id, kind, subject, detail FROM import_note WHERE import_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            row => new ImportNote(row.GetString(1), row.GetString(2), row.GetString(3)) { Id = row.GetInt64(0) },
            id, after, count);

    private static ImportRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.TextOrNull(2), row.GetInt64(3) == 1,
        row.GetString(4),
        new ImportReport(
            row.GetInt64(10), row.GetInt64(11), row.GetInt64(12), row.GetInt64(13), row.GetInt64(14), row.GetInt64(15),
            row.GetInt64(16), row.GetInt64(17), row.GetInt64(18), row.GetInt64(19), row.GetInt64(20), row.GetInt64(21),
            row.GetInt64(22)))
    {
        RequestedAt = row.Time(5),
        RequestedBy = row.GetString(6),
        StartedAt = row.TimeOrNull(7),
        EndedAt = row.TimeOrNull(8),
        Error = row.TextOrNull(9),
    };
}
