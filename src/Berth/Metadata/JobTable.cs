using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A job that one node runs, for as long as its lease lasts.</summary>
/// <param name="Id">Which.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Payload">To what; its form is the kind's own.</param>
/// <param name="Attempt">Grows with each claim: who holds an older one can't change the job any more.</param>
/// <param name="Failures">How often it has failed since it last succeeded.</param>
internal sealed record ClaimedJob(long Id, string Kind, string Payload, long Attempt, long Failures);

/// <summary>
/// Work that outlives requests, shared by all nodes. A job runs at least once, and never on two nodes at the same time
/// as long as their clocks differ by less than what is left of a lease when its holder gives up (a third of it, see
/// <c>JobRun</c>). With clocks further apart, one may begin while the other still runs; even then only the later one
/// can complete the job.
/// </summary>
internal sealed class JobTable(Database database, TimeProvider clock)
{
    private const int MaxErrorLength = 1000;

    /// <summary>Adds a job in the caller's write: it is there if and only if that commits.</summary>
    public static async ValueTask AddAsync(Session session, string kind, string payload, DateTimeOffset due) =>
        await session.RunAsync(
            "INSERT INTO job (kind, payload, due_at) VALUES ($1, $2, $3)",
            kind, payload, due.ToUnixTimeMilliseconds());

    /// <summary>
    /// Makes sure that there is the one job of this kind. A new one is due at once, one that rests is due within
    /// <paramref name="interval"/>.
    /// </summary>
    public Task EnsureAsync(string kind, TimeSpan interval) => database.WriteAsync(
        session => session.RunAsync(
            """
            INSERT INTO job (kind, unique_key, payload, due_at) VALUES ($1, $1, '', $2)
            ON CONFLICT (unique_key) DO UPDATE SET due_at = $3 WHERE job.leased_by IS NULL AND job.due_at > $3
            """,
            kind, At(TimeSpan.Zero), At(interval)),
        isDurable: false);

    /// <summary>When the next job of these kinds can be claimed; null where there is none.</summary>
    public async ValueTask<DateTimeOffset?> NextDueAsync(IReadOnlyCollection<string> kinds) =>
        await database.ReadAsync(s => s.NumberAsync(
            $"SELECT due_at FROM job WHERE kind IN ({s.TextsIn("$1")}) ORDER BY due_at LIMIT 1",
            Session.ToTexts(kinds))) is { } due ? DateTimeOffset.FromUnixTimeMilliseconds(due) : null;

    /// <summary>Takes the job of these kinds that has been due for longest; null where none is due.</summary>
    public Task<ClaimedJob?> ClaimAsync(IReadOnlyCollection<string> kinds, string node, TimeSpan lease) =>
        database.WriteAsync(
            session => session.FirstAsync(
                $"""
                UPDATE job SET due_at = $2, leased_by = $3, attempt = attempt + 1
                WHERE id = (
                    SELECT id FROM job WHERE due_at <= $1 AND kind IN ({session.TextsIn("$4")})
                    ORDER BY due_at, id LIMIT 1{session.ForUpdateSkipLocked})
                RETURNING id, kind, payload, attempt, failures
                """,
                Read, At(TimeSpan.Zero), At(lease), node, Session.ToTexts(kinds)),
            isDurable: false);

    /// <summary>Keeps a job for another lease from now on. False if it was lost.</summary>
    public Task<bool> RenewAsync(ClaimedJob job, TimeSpan lease) =>
        ChangeAsync("UPDATE job SET due_at = $3", job, At(lease));

    /// <summary>Ends a job that is done. False if it was lost, and runs elsewhere.</summary>
    public Task<bool> CompleteAsync(ClaimedJob job) => ChangeAsync("DELETE FROM job", job);

    /// <summary>Lets a job that is done rest until it runs again. False if it was lost.</summary>
    public Task<bool> RepeatAsync(ClaimedJob job, TimeSpan rest) => ChangeAsync(
        "UPDATE job SET due_at = $3, leased_by = NULL, failures = 0, last_error = NULL", job, At(rest));

    /// <summary>Lets a job that failed rest until it is tried again. False if it was lost.</summary>
    public Task<bool> FailAsync(ClaimedJob job, TimeSpan rest, string error) => ChangeAsync(
        "UPDATE job SET due_at = $3, leased_by = NULL, failures = failures + 1, last_error = $4",
        job, At(rest), error.Length > MaxErrorLength ? error[..MaxErrorLength] : error);

    /// <summary>Gives a job back that was not done: another node can take it at once. False if it was lost.</summary>
    public Task<bool> ReleaseAsync(ClaimedJob job) =>
        ChangeAsync("UPDATE job SET due_at = $3, leased_by = NULL", job, At(TimeSpan.Zero));

    /// <summary>Changes a job in the hands of who claimed it: neither lost since, nor given back.</summary>
    private async Task<bool> ChangeAsync(string sql, ClaimedJob job, params object?[] more) =>
        await database.WriteAsync(
            session => session.RunAsync(
                $"{sql} WHERE id = $1 AND attempt = $2 AND leased_by IS NOT NULL", [job.Id, job.Attempt, .. more]),
            isDurable: false) > 0;

    private long At(TimeSpan fromNow) => (clock.GetUtcNow() + fromNow).ToUnixTimeMilliseconds();

    private static ClaimedJob Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4));
}
