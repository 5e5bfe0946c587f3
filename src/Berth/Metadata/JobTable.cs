namespace Berth.Metadata;

/// <summary>A job that a node has claimed, for as long as its lease lasts.</summary>
/// <param name="Id">Which.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Payload">Its arguments, in a form of the kind's own.</param>
/// <param name="Attempt">Grows with each claim: a holder with an older attempt can no longer change the job.</param>
/// <param name="Failures">How often it failed, or its node died, since it last succeeded.</param>
/// <param name="Node">Who runs it.</param>
/// <param name="StartedAt">When it was claimed, in milliseconds since 1970.</param>
internal sealed record ClaimedJob(
    long Id, string Kind, string Payload, long Attempt, long Failures, string Node, long StartedAt);

/// <summary>
/// Work that outlives requests, shared by all nodes. A job runs at least once, and never on two nodes at once as long
/// as its holder notices within a third of a lease that its run was cancelled (see <c>JobRun</c>). Even if it does not,
/// only the later holder can complete the job.
/// </summary>
internal sealed class JobTable(Database database, JobClock clock)
{
    private const int MaxTextLength = 1000;

    /// <summary>
    /// Adds a job in the caller's write: it exists if and only if that commits, and then all nodes are woken.
    /// </summary>
    /// <param name="session">The caller's write.</param>
    /// <param name="kind">What is to be done.</param>
    /// <param name="payload">Its arguments. They appear in the history, so no secrets.</param>
    /// <param name="wait">The delay until it is due.</param>
    public async ValueTask AddAsync(Session session, string kind, string payload, TimeSpan wait = default)
    {
        await session.RunAsync(
            "INSERT INTO job (kind, payload, due_at) VALUES ($1, $2, $3)",
            kind, payload, After(wait, await clock.NowAsync(session)));
        await session.WakeJobsAsync();
    }

    /// <summary>The same without arguments, unless one of the kind is waiting already.</summary>
    public async ValueTask AddUnlessWaitingAsync(Session session, string kind)
    {
        await session.RunAsync(
            """
            INSERT INTO job (kind, payload, due_at) SELECT $1, '', $2
            WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND leased_by IS NULL)
            """,
            kind, await clock.NowAsync(session));
        await session.WakeJobsAsync();
    }

    /// <summary>Makes the one job of a recurring kind due now, unless it is running.</summary>
    public async ValueTask HastenAsync(Session session, string kind)
    {
        await session.RunAsync(
            "UPDATE job SET due_at = $2 WHERE unique_key = $1 AND leased_by IS NULL AND due_at > $2",
            kind, await clock.NowAsync(session));
        await session.WakeJobsAsync();
    }

    /// <summary>Why the last run of a recurring kind failed; null if it did not.</summary>
    public static async ValueTask<string?> FindErrorAsync(Session session, string kind) => (await session.AllAsync(
        "SELECT last_error FROM job WHERE unique_key = $1", row => row.TextOrNull(0), kind)).FirstOrDefault();

    /// <summary>Makes sure that the one job of a recurring kind exists.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="first">The delay of a new one.</param>
    /// <param name="longest">The longest delay allowed for an existing one.</param>
    /// <param name="cancellation">Cancels, unless the change has begun.</param>
    public Task EnsureAsync(
        string kind, Func<DateTimeOffset, TimeSpan> first, Func<DateTimeOffset, TimeSpan> longest,
        CancellationToken cancellation) =>
        database.WriteAsync(
            async session =>
            {
                var now = await clock.NowAsync(session);
                var time = DateTimeOffset.FromUnixTimeMilliseconds(now);
                return await session.RunAsync(
                    """
                    INSERT INTO job (kind, unique_key, payload, due_at) VALUES ($1, $1, '', $2)
                    ON CONFLICT (unique_key) DO UPDATE SET due_at = $3
                    WHERE job.leased_by IS NULL AND job.due_at > $3
                    """,
                    kind, After(first(time), now), After(longest(time), now));
            },
            isDurable: false, cancellation);

    /// <summary>How long until the next job of these kinds can be claimed; null if there is none.</summary>
    public ValueTask<TimeSpan?> NextDueAsync(IReadOnlyCollection<string> kinds, CancellationToken cancellation) =>
        database.ReadAsync<TimeSpan?>(async session =>
        {
            var due = await session.NumberAsync(
                $"SELECT due_at FROM job WHERE kind IN ({session.TextsIn("$1")}) ORDER BY due_at LIMIT 1",
                Session.ToTexts(kinds));
            return due is null ? null : TimeSpan.FromMilliseconds(due.Value - await clock.NowAsync(session));
        }, cancellation);

    /// <summary>
    /// Claims the job of these kinds that has been due longest; null if none is due. If its lease expired, its node
    /// died while running it, which counts as a failure: a job that kills every node must not be retried forever.
    /// </summary>
    public Task<ClaimedJob?> ClaimAsync(
        IReadOnlyCollection<string> kinds, string node, TimeSpan lease, CancellationToken cancellation) =>
        database.WriteAsync(
            async session =>
            {
                var now = await clock.NowAsync(session);
                return await session.FirstAsync(
                    $"""
                    UPDATE job SET due_at = $2, leased_by = $3, attempt = attempt + 1,
                        failures = failures + CASE WHEN leased_by IS NULL THEN 0 ELSE 1 END
                    WHERE id = (
                        SELECT id FROM job WHERE due_at <= $1 AND kind IN ({session.TextsIn("$4")})
                        ORDER BY due_at, id LIMIT 1{session.ForUpdateSkipLocked})
                    RETURNING id, kind, payload, attempt, failures
                    """,
                    row => new ClaimedJob(
                        row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4),
                        node, now),
                    now, After(lease, now), node, Session.ToTexts(kinds));
            },
            isDurable: false, cancellation);

    /// <summary>Renews the lease of a job. False if it was lost.</summary>
    public Task<bool> RenewAsync(ClaimedJob job, TimeSpan lease, CancellationToken cancellation) =>
        ChangeAsync("UPDATE job SET due_at = $3", job, now => [After(lease, now)], null, null, cancellation);

    /// <summary>Completes a job. False if it was lost to another node.</summary>
    public Task<bool> CompleteAsync(ClaimedJob job, CancellationToken cancellation) =>
        ChangeAsync("DELETE FROM job", job, _ => [], JobOutcome.Done, null, cancellation);

    /// <summary>Records success of a recurring job, and schedules its next run. False if it was lost.</summary>
    public Task<bool> RepeatAsync(
        ClaimedJob job, Func<DateTimeOffset, TimeSpan> rest, CancellationToken cancellation) => ChangeAsync(
        "UPDATE job SET due_at = $3, leased_by = NULL, failures = 0, last_error = NULL", job,
        now => [After(rest(DateTimeOffset.FromUnixTimeMilliseconds(now)), now)], JobOutcome.Done, null, cancellation);

    /// <summary>Records a failure, and schedules the retry. False if it was lost.</summary>
    public Task<bool> FailAsync(
        ClaimedJob job, TimeSpan rest, string error, CancellationToken cancellation) => ChangeAsync(
        "UPDATE job SET due_at = $3, leased_by = NULL, failures = failures + 1, last_error = $4", job,
        now => [After(rest, now), Cut(error)], JobOutcome.Failed, error, cancellation);

    /// <summary>Removes a job that failed too often; only the history remains. False if it was lost.</summary>
    public Task<bool> BuryAsync(ClaimedJob job, string error, CancellationToken cancellation) =>
        ChangeAsync("DELETE FROM job", job, _ => [], JobOutcome.Dead, error, cancellation);

    /// <summary>Releases an unfinished job, so that another node can claim it at once. False if it was lost.</summary>
    public Task<bool> ReleaseAsync(ClaimedJob job, CancellationToken cancellation) =>
        ChangeAsync("UPDATE job SET due_at = $3, leased_by = NULL", job, now => [now], null, null, cancellation);

    /// <summary>Removes history that is too old, and all but the latest entries.</summary>
    public Task TrimHistoryAsync(
        TimeSpan age, int entries, CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            var now = await clock.NowAsync(session);
            await session.RunAsync("DELETE FROM job_history WHERE ended_at < $1", After(-age, now));
            return await session.RunAsync(
                """
                DELETE FROM job_history
                WHERE id <= (SELECT id FROM job_history ORDER BY id DESC LIMIT 1 OFFSET $1)
                """,
                entries);
        },
        isDurable: false, cancellation);

    /// <summary>Changes a job that its holder still has: it was neither lost nor released since.</summary>
    /// <param name="change">The statement, with the values as $3, $4, ….</param>
    /// <param name="job">Which.</param>
    /// <param name="values">The values, computed from the current time.</param>
    /// <param name="outcome">How the run ended, for the history; null if it continues or does not count.</param>
    /// <param name="error">Why it failed.</param>
    /// <param name="cancellation">Cancels, unless the change has begun.</param>
    private Task<bool> ChangeAsync(
        string change, ClaimedJob job, Func<long, object?[]> values, JobOutcome? outcome, string? error,
        CancellationToken cancellation) =>
        database.WriteAsync(
            async session =>
            {
                var now = await clock.NowAsync(session);
                var changed = await session.RunAsync(
                    $"{change} WHERE id = $1 AND attempt = $2 AND leased_by IS NOT NULL",
                    [job.Id, job.Attempt, .. values(now)]);
                if (changed > 0 && outcome is { } how) await NoteAsync(session, job, how, now, error);
                return changed > 0;
            },
            isDurable: false, cancellation);

    private static async ValueTask NoteAsync(
        Session session, ClaimedJob job, JobOutcome outcome, long now, string? error) => await session.RunAsync(
        """
        INSERT INTO job_history (job_id, kind, payload, outcome, attempt, node, started_at, ended_at, error)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        job.Id, job.Kind, Cut(job.Payload), JobOutcomes.NameOf(outcome), job.Attempt, job.Node, job.StartedAt, now,
        error is null ? null : Cut(error));

    private static string Cut(string text) => text.Length > MaxTextLength ? text[..MaxTextLength] : text;

    private static long After(TimeSpan time, long now) => now + (long)time.TotalMilliseconds;
}
