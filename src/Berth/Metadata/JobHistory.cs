using System.Data.Common;

namespace Berth.Metadata;

/// <summary>How a run of a job ended.</summary>
internal enum JobOutcome
{
    Done,

    /// <summary>It will be retried.</summary>
    Failed,

    /// <summary>It failed too often, and is not retried.</summary>
    Dead,
}

/// <summary>The names of outcomes in the database, which never change.</summary>
internal static class JobOutcomes
{
    public static string NameOf(JobOutcome outcome) => outcome switch
    {
        JobOutcome.Done => "done",
        JobOutcome.Failed => "failed",
        _ => "dead",
    };
}

/// <summary>A job that is waiting or running.</summary>
/// <param name="Kind">What is to be done.</param>
/// <param name="Node">Who runs it; null if it is waiting.</param>
/// <param name="Due">When it is due, or its lease expires.</param>
/// <param name="Failures">How often it failed since it last succeeded.</param>
/// <param name="Error">Why it last failed.</param>
internal sealed record QueuedJob(string Kind, string? Node, DateTimeOffset Due, long Failures, string? Error);

/// <summary>A finished run of a job.</summary>
internal sealed record EndedJob(
    string Kind, string Outcome, long Attempt, string Node, DateTimeOffset Started, DateTimeOffset Ended,
    string? Error);

/// <summary>Waiting, running and finished jobs, for people to read.</summary>
internal sealed class JobHistory(Database database)
{
    public ValueTask<List<QueuedJob>> QueuedAsync(
        bool failedOnly, int most, CancellationToken cancellation) => database.ReadAsync(s => s.AllAsync(
        $"""
        SELECT kind, leased_by, due_at, failures, last_error FROM job
        {(failedOnly ? "WHERE failures > 0" : "")} ORDER BY due_at, id LIMIT $1
        """,
        row => new QueuedJob(
            row.GetString(0), row.TextOrNull(1), row.Time(2), row.GetInt64(3), row.TextOrNull(4)),
        most), cancellation);

    /// <summary>The latest first.</summary>
    public ValueTask<List<EndedJob>> EndedAsync(
        bool failedOnly, int most, CancellationToken cancellation) => database.ReadAsync(s => s.AllAsync(
        $"""
        SELECT kind, outcome, attempt, node, started_at, ended_at, error FROM job_history
        {(failedOnly ? "WHERE outcome <> 'done'" : "")} ORDER BY id DESC LIMIT $1
        """,
        row => new EndedJob(
            row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3), row.Time(4), row.Time(5),
            row.TextOrNull(6)),
        most), cancellation);
}
