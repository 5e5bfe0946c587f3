using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>An upload's record, for other nodes and later starts.</summary>
/// <param name="Id">Which.</param>
/// <param name="Repository">Where it was started.</param>
/// <param name="Algorithm">The algorithm that its digest will most likely have.</param>
/// <param name="State">What the blob store needs to resume it; null if the store needs nothing.</param>
/// <param name="Version">Grows with each claim and release: a holder with an older version has lost the upload.</param>
/// <param name="ActiveAt">When it was last used, as far as that was recorded.</param>
internal sealed record UploadRow(
    UploadId Id, RepositoryName Repository, DigestAlgorithm Algorithm, string? State, long Version,
    DateTimeOffset ActiveAt);

/// <summary>An upload that looks abandoned. It is also a place in the list of them, oldest first.</summary>
/// <param name="Id">Which.</param>
/// <param name="ActiveAt">When it was last used, in milliseconds since 1970.</param>
internal sealed record IdleUpload(UploadId Id, long ActiveAt);

/// <summary>The uploads in progress.</summary>
internal sealed class UploadTable(Database database, RepositoryTable repositories, TimeProvider clock)
{
    private const string Columns =
        "u.algorithm, u.state, u.version, (SELECT r.name FROM repository r WHERE r.id = u.repository_id), u.active_at";

    /// <summary>Adds an upload, unless it is there.</summary>
    /// <param name="upload">The upload.</param>
    /// <param name="startedBy">By whom.</param>
    /// <param name="becomes">The blob that it is about to become, which the collector then leaves alone.</param>
    /// <param name="cancellation">Gives up, unless the commit has begun.</param>
    /// <returns>False if that blob is being deleted at this moment.</returns>
    public Task<bool> AddAsync(
        UploadRow upload, string startedBy, Digest? becomes, CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            await session.RunAsync(
                """
                INSERT INTO upload (id, repository_id, algorithm, started_by, active_at, state, version, digest)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING
                """,
                upload.Id.Text, await repositories.FindOrAddAsync(session, upload.Repository),
                upload.Algorithm.ToString(), startedBy, upload.ActiveAt.ToUnixTimeMilliseconds(), upload.State,
                upload.Version, becomes?.Text);
            return await MayBecomeAsync(session, becomes);
        },
        isDurable: false, cancellation);

    public ValueTask<UploadRow?> FindAsync(UploadId id, CancellationToken cancellation) => database.ReadAsync(
        s => s.FirstAsync($"SELECT {Columns} FROM upload u WHERE u.id = $1", row => Read(id, row), id.Text),
        cancellation);

    /// <summary>Claims an upload for one request: the previous holder can no longer release it.</summary>
    /// <param name="id">The upload.</param>
    /// <param name="repository">Where it was started.</param>
    /// <param name="becomes">The blob that it is about to become, which the collector then leaves alone.</param>
    /// <param name="cancellation">Gives up, unless the commit has begun.</param>
    /// <returns>
    /// The upload with its new version, or null if the repository has no such upload; and whether it may become that
    /// blob, which is not being deleted at this moment.
    /// </returns>
    public Task<(UploadRow? Upload, bool MayBecome)> ClaimAsync(
        UploadId id, RepositoryName repository, Digest? becomes, CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            var claimed = await session.FirstAsync(
                """
                UPDATE upload SET version = version + 1, active_at = $3, digest = $4
                WHERE id = $1 AND repository_id = (SELECT r.id FROM repository r WHERE r.name = $2)
                RETURNING algorithm, state, version, $2, active_at
                """,
                row => Read(id, row), id.Text, repository.Text, Now, becomes?.Text);
            return (claimed, await MayBecomeAsync(session, becomes));
        },
        isDurable: false, cancellation);

    /// <summary>Says which blob a claimed upload is about to become.</summary>
    /// <returns>Whether it may now; null if another request has claimed the upload.</returns>
    public Task<bool?> BecomeAsync(
        UploadId id, long version, Digest digest, CancellationToken cancellation) => database.WriteAsync<bool?>(
        async session => await session.RunAsync(
            "UPDATE upload SET digest = $3 WHERE id = $1 AND version = $2", id.Text, version, digest.Text) > 0
            ? await MayBecomeAsync(session, digest)
            : null,
        isDurable: false, cancellation);

    /// <summary>
    /// Whether a blob is not being deleted. Its row is locked: the collector looks for uploads like this one under the
    /// same lock, so that one of the two sees the other.
    /// </summary>
    private async ValueTask<bool> MayBecomeAsync(Session session, Digest? digest) =>
        digest is not { } becomes || await session.NumberAsync(
            $"SELECT deleting_at FROM blob WHERE digest = $1{session.ForUpdate}", becomes.Text) is not { } since
        || since <= GarbageTable.AbandonedBefore(clock.GetUtcNow());

    /// <summary>Releases an upload with its new state. False if another request has claimed it since.</summary>
    public async Task<bool> ReleaseAsync(
        UploadId id, string? state, long version, CancellationToken cancellation) => await database.WriteAsync(
        session => session.RunAsync(
            "UPDATE upload SET state = $2, version = version + 1, active_at = $4 WHERE id = $1 AND version = $3",
            id.Text, state, version, Now),
        isDurable: false, cancellation) > 0;

    /// <summary>Saves what the store needs to reopen an upload, or removes it (null).</summary>
    /// <param name="id">Which.</param>
    /// <param name="state">What the store needs.</param>
    /// <param name="activeAt">When the upload was last used.</param>
    /// <param name="cancellation">Gives up, unless the commit has begun.</param>
    public Task SetStateAsync(
        UploadId id, string? state, DateTimeOffset activeAt, CancellationToken cancellation) => database.WriteAsync(
        session => session.RunAsync(
            "UPDATE upload SET state = $2, active_at = $3 WHERE id = $1",
            id.Text, state, activeAt.ToUnixTimeMilliseconds()),
        isDurable: false, cancellation);

    /// <summary>Whether nobody has claimed an upload since this version.</summary>
    public async ValueTask<bool> IsHeldAsync(UploadId id, long version, CancellationToken cancellation) =>
        await database.ReadAsync(
            s => s.NumberAsync("SELECT version FROM upload WHERE id = $1", id.Text), cancellation) == version;

    /// <summary>Postpones the upload's expiry: it was just active.</summary>
    public Task TouchAsync(UploadId id, CancellationToken cancellation) => database.WriteAsync(
        session => session.RunAsync("UPDATE upload SET active_at = $2 WHERE id = $1", id.Text, Now),
        isDurable: false, cancellation);

    /// <summary>Ends an upload. Returns it as it was, or null if there was none.</summary>
    public Task<UploadRow?> RemoveAsync(UploadId id, CancellationToken cancellation) =>
        RemoveAsync(id, "version >= $2", 0, cancellation);

    /// <summary>Ends an upload in the caller's write.</summary>
    public static async ValueTask EndAsync(Session session, UploadId id) =>
        await session.RunAsync("DELETE FROM upload WHERE id = $1", id.Text);

    /// <summary>Ends an upload, unless another request has claimed it since. Returns it as it was.</summary>
    public Task<UploadRow?> RemoveHeldAsync(UploadId id, long version, CancellationToken cancellation) =>
        RemoveAsync(id, "version = $2", version, cancellation);

    /// <summary>Ends an upload, unless it was active within <paramref name="age"/>. Returns it as it was.</summary>
    public Task<UploadRow?> RemoveIdleAsync(UploadId id, TimeSpan age, CancellationToken cancellation) =>
        RemoveAsync(id, "active_at < $2", Before(age), cancellation);

    /// <summary>A page of the uploads that are idle for longer than <paramref name="age"/>, the oldest first.</summary>
    /// <param name="age">How long.</param>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    /// <param name="count">The size of the page.</param>
    /// <param name="cancellation">Ends the query.</param>
    public ValueTask<List<IdleUpload>> IdleAsync(
        TimeSpan age, IdleUpload? after, int count, CancellationToken cancellation) => database.ReadAsync(
        s => s.AllAsync(
            """
            SELECT id, active_at FROM upload WHERE active_at < $1 AND (active_at, id) > ($2, $3)
            ORDER BY active_at, id LIMIT $4
            """,
            row => new IdleUpload(
                UploadId.TryParse(row.GetString(0), out var id) ? id : default, row.GetInt64(1)),
            Before(age), after?.ActiveAt ?? 0, after?.Id.Text ?? "", count),
        cancellation);

    private Task<UploadRow?> RemoveAsync(
        UploadId id, string condition, long bound, CancellationToken cancellation) => database.WriteAsync(
        session => session.FirstAsync(
            $"""
            DELETE FROM upload WHERE id = $1 AND {condition}
            RETURNING algorithm, state, version,
                (SELECT r.name FROM repository r WHERE r.id = upload.repository_id), active_at
            """,
            row => Read(id, row), id.Text, bound),
        isDurable: false, cancellation);

    private long Before(TimeSpan age) => (clock.GetUtcNow() - age).ToUnixTimeMilliseconds();

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static UploadRow Read(UploadId id, DbDataReader row) =>
        RepositoryName.TryParse(row.GetString(3), out var name)
            ? new UploadRow(
                id, name, Enum.Parse<DigestAlgorithm>(row.GetString(0)), row.TextOrNull(1),
                row.GetInt64(2), row.Time(4))
            : throw new InvalidDataException($"upload {id} belongs to an invalid repository name");
}
