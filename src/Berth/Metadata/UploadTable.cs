using Berth.Oci;

namespace Berth.Metadata;

/// <summary>An upload session as other nodes and later starts know it. How far it came, the blob store knows.</summary>
internal sealed record UploadRow(UploadId Id, RepositoryName Repository, DigestAlgorithm Algorithm);

/// <summary>The upload sessions that were started and not ended.</summary>
internal sealed class UploadTable(Database database, RepositoryTable repositories, TimeProvider clock)
{
    public Task AddAsync(UploadRow upload, string startedBy) => database.WriteAsync(
        session => session.Run(
            "INSERT INTO upload (id, repository_id, algorithm, started_by, active_at) VALUES (@1, @2, @3, @4, @5)",
            upload.Id.Text, repositories.FindOrAdd(session, upload.Repository), upload.Algorithm.ToString(), startedBy,
            clock.GetUtcNow().ToUnixTimeMilliseconds()),
        isDurable: false);

    public UploadRow? Find(UploadId id) => database.Read(s => s.First(
        """
        SELECT r.name, u.algorithm FROM upload u JOIN repository r ON r.id = u.repository_id WHERE u.id = @1
        """,
        row => RepositoryName.TryParse(row.GetString(0), out var name)
            ? new UploadRow(id, name, Enum.Parse<DigestAlgorithm>(row.GetString(1)))
            : throw new InvalidDataException($"upload {id} belongs to an invalid repository name"),
        id.Text));

    /// <summary>Puts off the session's expiry: it was active just now.</summary>
    public Task TouchAsync(UploadId id) => database.WriteAsync(
        session => session.Run("UPDATE upload SET active_at = @2 WHERE id = @1",
            id.Text, clock.GetUtcNow().ToUnixTimeMilliseconds()),
        isDurable: false);

    /// <summary>Ends a session. False if there was none.</summary>
    public async Task<bool> RemoveAsync(UploadId id) => await database.WriteAsync(
        session => session.Run("DELETE FROM upload WHERE id = @1", id.Text), isDurable: false) > 0;

    /// <summary>
    /// Sessions without activity for longer than <paramref name="age"/>, the oldest first, some at most.
    /// </summary>
    public List<UploadId> Idle(TimeSpan age, int count) => database.Read(s => s.All(
        "SELECT id FROM upload WHERE active_at < @1 ORDER BY active_at, id LIMIT @2",
        row => UploadId.TryParse(row.GetString(0), out var id) ? id : default,
        (clock.GetUtcNow() - age).ToUnixTimeMilliseconds(), count));
}
