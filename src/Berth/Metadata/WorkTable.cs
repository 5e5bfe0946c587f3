using System.Data.Common;

namespace Berth.Metadata;

/// <summary>A job that waits or runs.</summary>
internal sealed record WaitingJob(
    long Id, string Kind, string? Node, DateTimeOffset DueAt, long Failures, string? Error);

/// <summary>A run of a job that is over.</summary>
internal sealed record FinishedRun(
    long Id, string Kind, string Outcome, long Attempt, string Node, DateTimeOffset StartedAt, DateTimeOffset EndedAt,
    string? Error);

/// <summary>A node that has run a job.</summary>
internal sealed record WorkingNode(string Name, DateTimeOffset? LastRunAt, long RunningJobs);

/// <summary>An upload that has not ended.</summary>
internal sealed record OpenUpload(string Id, string Repository, string StartedBy, DateTimeOffset ActiveAt);

/// <summary>What the registry is busy with, for staff to look at.</summary>
internal static class WorkTable
{
    /// <summary>Waiting and running jobs with ids after one.</summary>
    public static ValueTask<List<WaitingJob>> JobsAsync(Session session, bool isFailed, long after, int count) =>
        session.AllAsync(
            $"""
            SELECT id, kind, leased_by, due_at, failures, last_error FROM job
            WHERE id > $1 {(isFailed ? "AND failures > 0" : "")} ORDER BY id LIMIT $2
            """,
            row => new WaitingJob(
                row.GetInt64(0), row.GetString(1), row.TextOrNull(2), row.Time(3), row.GetInt64(4), row.TextOrNull(5)),
            after, count);

    /// <summary>Runs with ids before one, the latest first.</summary>
    public static ValueTask<List<FinishedRun>> RunsAsync(Session session, bool isFailed, long before, int count) =>
        session.AllAsync(
            $"""
            SELECT id, kind, outcome, attempt, node, started_at, ended_at, error FROM job_history
            WHERE id < $1 {(isFailed ? "AND outcome <> 'done'" : "")} ORDER BY id DESC LIMIT $2
            """,
            row => new FinishedRun(
                row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetString(4), row.Time(5),
                row.Time(6), row.TextOrNull(7)),
            before, count);

    /// <summary>The nodes that run a job now, or have run one among the last so many.</summary>
    public static ValueTask<List<WorkingNode>> NodesAsync(Session session, int among) => session.AllAsync(
        """
        SELECT node, max(ended_at), CAST(sum(running) AS BIGINT) FROM (
            SELECT node, ended_at, 0 AS running FROM (
                SELECT node, ended_at FROM job_history ORDER BY id DESC LIMIT $1) h
            UNION ALL SELECT leased_by, NULL, 1 FROM job WHERE leased_by IS NOT NULL) n
        GROUP BY node ORDER BY node
        """,
        row => new WorkingNode(row.GetString(0), row.TimeOrNull(1), row.GetInt64(2)), among);

    /// <summary>Unfinished uploads that were active before one, the one idle for longest at the end.</summary>
    public static ValueTask<List<OpenUpload>> UploadsAsync(Session session, long at, string id, int count) =>
        session.AllAsync(
            """
            SELECT u.id, r.name, u.started_by, u.active_at FROM upload u JOIN repository r ON r.id = u.repository_id
            WHERE (u.active_at, u.id) < ($1, $2) ORDER BY u.active_at DESC, u.id DESC LIMIT $3
            """,
            row => new OpenUpload(row.GetString(0), row.GetString(1), row.GetString(2), row.Time(3)), at, id, count);

    /// <summary>How many jobs have failed since they last succeeded.</summary>
    public static async ValueTask<long> FailingJobsAsync(Session session) =>
        await session.NumberAsync("SELECT count(*) FROM job WHERE failures > 0") ?? 0;
}
