using System.Globalization;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>A job that waits or runs.</summary>
internal sealed record JobView(
    long Id, string Kind, string State, string? Node, DateTimeOffset DueAt, long Failures, string? Error);

/// <summary>A run of a job that is over.</summary>
internal sealed record JobRunView(
    long Id, string Kind, string Outcome, long Attempt, string Node, DateTimeOffset StartedAt, DateTimeOffset EndedAt,
    string? Error);

/// <summary>A node that runs jobs, or has run some lately.</summary>
internal sealed record NodeView(string Name, DateTimeOffset? LastRunAt, long RunningJobs);

/// <summary>An upload that has not ended.</summary>
internal sealed record UploadView(string Id, string Repository, string StartedBy, DateTimeOffset ActiveAt);

/// <summary>What a node finds wrong.</summary>
/// <param name="State">ok, warning or unavailable.</param>
internal sealed record HealthView(string State, IReadOnlyList<HealthCheckView> Checks);

/// <summary>A check, and what it found; nothing: all is well.</summary>
internal sealed record HealthCheckView(string Name, string State, string? Problem);

/// <summary>What the registry is busy with, and whether it is well: <c>/jobs</c>, <c>/uploads</c>, <c>/health</c>.
/// </summary>
/// <param name="database">Where all of it is.</param>
/// <param name="health">The checks of this node; null in a command on the machine, which serves nobody.</param>
internal sealed class WorkEndpoints(Database database, RegistryHealth? health = null)
{
    private const string Ok = "ok";
    private const string Warning = "warning";
    private const string Unavailable = "unavailable";

    /// <summary>So many runs tell which nodes there are.</summary>
    private const int RunsOfNodes = 2000;

    public async Task<ApiAnswer<Listed<JobView>>> ListJobsAsync(HttpContext http, bool? failed = null)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => WorkTable.JobsAsync(session, failed == true, page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(
            page,
            rows.ConvertAll(row => new JobView(
                row.Id, row.Kind, row.Node is null ? "waiting" : "running", row.Node, row.DueAt, row.Failures,
                row.Error)),
            one => one.Id.ToString(CultureInfo.InvariantCulture));
    }

    public async Task<ApiAnswer<Listed<JobRunView>>> ListRunsAsync(HttpContext http, bool? failed = null)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => WorkTable.RunsAsync(session, failed == true, before, page.Count + 1), http.RequestAborted);
        return http.Answer(
            page,
            rows.ConvertAll(row => new JobRunView(
                row.Id, row.Kind, row.Outcome, row.Attempt, row.Node, row.StartedAt, row.EndedAt, row.Error)),
            one => one.Id.ToString(CultureInfo.InvariantCulture));
    }

    public async Task<ApiAnswer<Listed<NodeView>>> ListNodesAsync(HttpContext http) => new Listed<NodeView>(
        (await database.ReadAsync(session => WorkTable.NodesAsync(session, RunsOfNodes), http.RequestAborted))
            .ConvertAll(row => new NodeView(row.Name, row.LastRunAt, row.RunningJobs)));

    public async Task<ApiAnswer<Listed<UploadView>>> ListUploadsAsync(HttpContext http)
    {
        var page = http.Page();
        var (at, id) = (long.MaxValue, "");
        if (page.Last.Length > 0)
        {
            var cut = page.Last.IndexOf(':', StringComparison.Ordinal);
            if (!long.TryParse(page.Last.AsSpan(0, Math.Max(cut, 0)), NumberStyles.None, null, out at))
                return ApiError.Invalid("last is not from a page of this list");
            id = page.Last[(cut + 1)..];
        }

        var rows = await database.ReadAsync(
            session => WorkTable.UploadsAsync(session, at, id, page.Count + 1), http.RequestAborted);
        return http.Answer(
            page, rows.ConvertAll(row => new UploadView(row.Id, row.Repository, row.StartedBy, row.ActiveAt)),
            one => $"{one.ActiveAt.ToUnixTimeMilliseconds()}:{one.Id}");
    }

    /// <summary>What the checks of this node find, and what jobs and the scrub have found.</summary>
    public async Task<ApiAnswer<HealthView>> GetHealthAsync(HttpContext http)
    {
        var checks = new List<HealthCheckView>();
        if (health is not null)
        {
            checks.Add(Check("pull", Unavailable, await health.FindProblemAsync(true)));
            checks.Add(Check("push", Unavailable, await health.FindProblemAsync(false)));
            checks.Add(Check("service", Warning, health.FindWarning()));
        }

        if (checks.TrueForAll(check => check.State != Unavailable))
        {
            var (jobs, faults) = await database.ReadAsync(
                async session => (
                    await WorkTable.FailingJobsAsync(session), (await ScrubTable.CountAsync(session)).Open),
                http.RequestAborted);
            checks.Add(Check("jobs", Warning, jobs == 0 ? null : $"{jobs} jobs have failed, and are tried again"));
            checks.Add(Check(
                "blobs", Warning, faults == 0 ? null : $"{faults} blobs are damaged or missing, and not healed"));
        }

        var worst = checks.Exists(check => check.State == Unavailable) ? Unavailable
            : checks.Exists(check => check.State == Warning) ? Warning : Ok;
        return new HealthView(worst, checks);
    }

    private static HealthCheckView Check(string name, string state, string? problem) =>
        new(name, problem is null ? Ok : state, problem);
}
