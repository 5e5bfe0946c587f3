using System.Globalization;
using Berth.Metadata;
using Microsoft.Data.Sqlite;

namespace Berth.Journal;

/// <summary>
/// What the journal says there is, in a temporary SQLite file: it may be more than fits in memory, and is read in the
/// order of repositories. The file has no name, and goes away with the object.
/// </summary>
internal sealed class JournalReplay : IDisposable
{
    private const int Page = 200;
    private const long PageBytes = 16 << 20;

    private readonly SqliteSession session;

    private JournalReplay(SqliteSession session) => this.session = session;

    /// <summary>What could not be read, one line each.</summary>
    public List<string> Faults { get; } = [];

    /// <param name="folder">Where the file goes.</param>
    public static JournalReplay Create(string folder)
    {
        var path = Path.Combine(folder, $"berth-rebuild-{Guid.NewGuid():N}.db");
        using (File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, options: FileOptions.None))
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        // Without a name, nothing of it is left by a process that is killed.
        var session = SqliteSession.Open(path);
        session.RunScript("PRAGMA journal_mode = OFF");
        File.Delete(path);
        session.RunScript(
            """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TABLE manifest (repository TEXT, digest TEXT, media_type TEXT, pushed_at BIGINT, pushed_by TEXT,
                expires_after_ms BIGINT, body BLOB, unlinked TEXT, PRIMARY KEY (repository, digest));
            CREATE TABLE tag (repository TEXT, name TEXT, digest TEXT, moved_at BIGINT, moved_by TEXT, is_pinned BIGINT,
                expires_at BIGINT, PRIMARY KEY (repository, name)) WITHOUT ROWID;
            CREATE TABLE move (id BIGINT PRIMARY KEY, repository TEXT, name TEXT, digest TEXT, moved_at BIGINT,
                moved_by TEXT, address TEXT, action TEXT) WITHOUT ROWID;
            CREATE TABLE blob (digest TEXT PRIMARY KEY, size_bytes BIGINT) WITHOUT ROWID;
            """);
        return new JournalReplay(session);
    }

    /// <summary>Reads the current files of the journal, one after the other.</summary>
    /// <param name="folder">The journal.</param>
    /// <param name="read">Called after each file, with how many there are.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <returns>The number of the last file.</returns>
    public async Task<long> ReadAsync(JournalFolder folder, Action<int> read, CancellationToken cancellation)
    {
        var segments = JournalFolder.Current(await folder.ListAsync(cancellation));
        NoteGaps(segments);
        foreach (var segment in segments)
        {
            try
            {
                await foreach (var line in folder.ReadAsync(segment, cancellation)) await AddAsync(line);
            }
            catch (Exception e) when (e is InvalidDataException or SqliteException)
            {
                Faults.Add(e is SqliteException ? $"{segment.Key} is damaged: {e.Message}" : e.Message);
            }

            read(segments.Count);
        }

        return segments.Count == 0 ? 0 : segments[^1].Number;
    }

    private void NoteGaps(List<Segment> segments)
    {
        if (segments.Count == 0) return;
        var missing = JournalFolder.MissingOf(segments);
        if (missing is null)
            Faults.Add("the journal has no complete snapshot: what was pushed before its first file is missing");
        else if (missing > 0) Faults.Add(JournalFolder.MissingText(missing.Value));
    }

    public async Task<long> CountAsync(string table) =>
        await session.NumberAsync($"SELECT count(*) FROM {table}") ?? 0;

    public async Task<long> CountRepositoriesAsync() =>
        await session.NumberAsync("SELECT count(DISTINCT repository) FROM manifest") ?? 0;

    /// <summary>Manifests after one, in the order of repositories.</summary>
    public async Task<List<JournaledManifest>> ManifestsAsync(JournaledManifest? last)
    {
        var bytes = 0L;
        return await session.UntilAsync(
            $"""
            SELECT repository, digest, media_type, pushed_at, pushed_by, expires_after_ms, body, unlinked
            FROM manifest WHERE (repository, digest) > ($1, $2) ORDER BY repository, digest LIMIT {Page}
            """,
            row => new JournaledManifest(
                0, row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4),
                row.NumberOrNull(5), (byte[])row.GetValue(6), row.TextOrNull(7)),
            manifest => (bytes += manifest.Body.Length) > PageBytes, last?.Repository ?? "", last?.Digest ?? "");
    }

    public async Task<List<JournaledTag>> TagsAsync(JournaledTag? last) => await session.AllAsync(
        $"""
        SELECT repository, name, digest, moved_at, moved_by, is_pinned, expires_at FROM tag
        WHERE (repository, name) > ($1, $2) ORDER BY repository, name LIMIT {Page}
        """,
        row => new JournaledTag(
            0, row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4),
            row.GetInt64(5) != 0, row.NumberOrNull(6)),
        last?.Repository ?? "", last?.Name ?? "");

    public async Task<List<JournaledMove>> MovesAsync(long last) => await session.AllAsync(
        $"""
        SELECT id, repository, name, digest, moved_at, moved_by, address, action FROM move
        WHERE id > $1 ORDER BY id LIMIT {Page}
        """,
        row => new JournaledMove(
            row.GetInt64(0), row.GetString(1), row.GetString(2), row.TextOrNull(3), row.GetInt64(4),
            row.GetString(5), row.TextOrNull(6), row.TextOrNull(7)),
        last);

    /// <summary>Whether a repository has a manifest.</summary>
    public async Task<bool> HasManifestAsync(string repository, string digest) => await session.NumberAsync(
        "SELECT 1 FROM manifest WHERE repository = $1 AND digest = $2", repository, digest) is not null;

    /// <summary>Remembers what manifests need.</summary>
    public async Task AddBlobsAsync(IEnumerable<string> digests) => await session.RunAsync(
        $"INSERT INTO blob (digest) {session.TextsIn("$1")} WHERE true ON CONFLICT DO NOTHING",
        Session.ToTexts(digests));

    /// <summary>Digests after one of what manifests need.</summary>
    public async Task<List<string>> BlobsAsync(string last) => await session.AllAsync(
        $"SELECT digest FROM blob WHERE digest > $1 ORDER BY digest LIMIT {Page}", row => row.GetString(0), last);

    public async Task SetSizeAsync(string digest, long sizeBytes) => await session.RunAsync(
        "UPDATE blob SET size_bytes = $2 WHERE digest = $1", digest, sizeBytes);

    /// <summary>The length of a blob in the store; null if it is not there.</summary>
    public async Task<long?> SizeOfAsync(string digest) =>
        await session.NumberAsync("SELECT size_bytes FROM blob WHERE digest = $1", digest);

    public void Dispose() => session.Dispose();

    private async Task AddAsync(JournalLine line)
    {
        if (line.Manifest is { } manifest) await AddAsync(manifest);
        if (line.Tag is { } tag)
        {
            await session.RunAsync(
                "INSERT OR REPLACE INTO tag VALUES ($1, $2, $3, $4, $5, $6, $7)",
                tag.Repository, tag.Name, tag.Digest, tag.MovedAt, tag.MovedBy, tag.IsPinned ? 1 : 0, tag.ExpiresAt);
        }

        if (line.Move is { } move)
        {
            await session.RunAsync(
                "INSERT OR REPLACE INTO move VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                move.Id, move.Repository, move.Name, move.Digest, move.MovedAt, move.MovedBy, move.Address,
                move.Action);
        }

        if (line.Gone is { } gone) await RemoveAsync(gone);
    }

    private async Task RemoveAsync(GoneLine gone) => await session.RunAsync(
        gone.Move is not null ? "DELETE FROM move WHERE repository = $1 AND id = $2"
            : gone.Tag is not null ? "DELETE FROM tag WHERE repository = $1 AND name = $2"
            : "DELETE FROM manifest WHERE repository = $1 AND digest = $2",
        gone.Repository, gone.Move ?? (object?)(gone.Tag ?? gone.Digest));

    private async Task AddAsync(JournaledManifest manifest)
    {
        if (!manifest.IsWhole)
        {
            Faults.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{manifest.Repository}@{manifest.Digest} is not what its digest says"));
            return;
        }

        await session.RunAsync(
            "INSERT OR REPLACE INTO manifest VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            manifest.Repository, manifest.Digest, manifest.MediaType, manifest.PushedAt, manifest.PushedBy,
            manifest.ExpiresAfterMs, manifest.Body, manifest.Unlinked);
    }
}
