namespace Berth.Metadata;

/// <summary>
/// The clock by which jobs are due and leases expire. Nodes that share a PostgreSQL use its clock, since theirs may
/// differ. On SQLite it is this process's own: the wall time at its start plus the time elapsed since, so that a step
/// of the wall clock neither hastens nor delays a job.
/// </summary>
/// <param name="clock">This process's clock.</param>
/// <param name="isOwn">True: uses this process's clock even if the database has one.</param>
internal sealed class JobClock(TimeProvider clock, bool isOwn = false)
{
    private readonly long startedAt = clock.GetTimestamp();
    private readonly long start = clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Milliseconds since 1970.</summary>
    public async ValueTask<long> NowAsync(Session session) => !isOwn && session.ServerTime is { } sql
        ? await session.NumberAsync($"SELECT {sql}") ?? 0
        : start + (long)clock.GetElapsedTime(startedAt).TotalMilliseconds;
}
