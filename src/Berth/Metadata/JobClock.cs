namespace Berth.Metadata;

/// <summary>
/// The time by which jobs are due and leases end. Nodes that share a PostgreSQL take its clock, so that theirs may
/// differ. On SQLite it is this process's own: the wall time at its start, and from then on the time that passed, so
/// that a step of the wall clock neither hurries a job nor puts it off.
/// </summary>
/// <param name="clock">This process's clock.</param>
/// <param name="isOwn">True: this process's clock also where the database has one.</param>
internal sealed class JobClock(TimeProvider clock, bool isOwn = false)
{
    private readonly long startedAt = clock.GetTimestamp();
    private readonly long start = clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Milliseconds since 1970.</summary>
    public async ValueTask<long> NowAsync(Session session) => !isOwn && session.ServerTime is { } sql
        ? await session.NumberAsync($"SELECT {sql}") ?? 0
        : start + (long)clock.GetElapsedTime(startedAt).TotalMilliseconds;
}
