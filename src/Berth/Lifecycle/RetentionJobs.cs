using System.Globalization;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>Removes what the rules on tags do not keep, every <c>storage.maintenance.retention.interval</c>.</summary>
internal sealed partial class RetentionJob(
    Retention retention, PullTimes pulls, Database database, RetentionSettings settings, TimeProvider clock,
    ILogger<RetentionJob> log) : Job
{
    /// <summary>Who wanted it, in the list of runs.</summary>
    private const string Requester = "schedule";

    public override string Kind => "apply-retention";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(settings.Interval);

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var (tags, manifests, startedAt) = (0, 0, clock.GetUtcNow());
        await pulls.WriteAsync(cancellation);
        await foreach (var repository in retention.RepositoriesAsync(null, null, cancellation))
        {
            var (gone, with) = await retention.ApplyAsync(repository, cancellation);
            (tags, manifests) = (tags + gone, manifests + with);
        }

        if (tags + manifests == 0) return;
        LogDone(tags, manifests);
        var run = new RetentionRun(0, Repository: null, Namespace: null, CollectionStates.Done, tags, manifests)
        {
            RequestedAt = startedAt,
            RequestedBy = Requester,
            StartedAt = startedAt,
            EndedAt = clock.GetUtcNow(),
        };
        await database.WriteAsync(
            async session =>
            {
                await RetentionTable.UpdateAsync(session, await RetentionTable.AddAsync(session, run));
                return true;
            },
            isDurable: false, cancellation);
    }

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Retention rules put into the trash: tags: {Tags}, manifests: {Manifests}")]
    private partial void LogDone(int tags, int manifests);
}

/// <summary>The same, for what somebody asked for.</summary>
internal sealed class RequestedRetentionJob(
    Retention retention, PullTimes pulls, Database database, TimeProvider clock) : Job
{
    public const string Name = "apply-retention-now";

    public override string Kind => Name;

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    /// <summary>Records that a run is wanted, and adds the job of it.</summary>
    public static async ValueTask<RetentionRun> AddAsync(Session session, JobTable jobs, RetentionRun run)
    {
        run = await RetentionTable.AddAsync(session, run);
        await jobs.AddAsync(session, Name, run.Id.ToString(CultureInfo.InvariantCulture));
        return run;
    }

    /// <param name="payload">The number of the run.</param>
    /// <param name="cancellation">As <see cref="Job.RunAsync"/> has it.</param>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var id = long.Parse(payload, CultureInfo.InvariantCulture);
        if (await database.ReadAsync(session => RetentionTable.FindAsync(session, id), cancellation) is not { } run)
            return;
        run = run with { State = CollectionStates.Running, StartedAt = run.StartedAt ?? clock.GetUtcNow() };
        try
        {
            await WriteAsync(run, cancellation);

            // The run may have been asked for on another node, or by a command: this node's pulls count too.
            await pulls.WriteAsync(cancellation);
            await foreach (var repository in retention.RepositoriesAsync(run.Repository, run.Namespace, cancellation))
            {
                var (tags, manifests) = await retention.ApplyAsync(repository, cancellation);
                if (tags + manifests == 0) continue;
                run = run with { Tags = run.Tags + tags, Manifests = run.Manifests + manifests };
                await WriteAsync(run, cancellation);
            }

            run = run with { State = CollectionStates.Done, EndedAt = clock.GetUtcNow(), Error = null };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            run = run with { State = CollectionStates.Failed, EndedAt = clock.GetUtcNow(), Error = e.Message };
            throw;
        }
        finally
        {
            await WriteAsync(run, CancellationToken.None);
        }
    }

    private async Task WriteAsync(RetentionRun run, CancellationToken cancellation) => await database.WriteAsync(
        async session =>
        {
            await RetentionTable.UpdateAsync(session, run);
            return true;
        },
        isDurable: false, cancellation);
}

/// <summary>Removes tags whose time is over, every minute.</summary>
internal sealed partial class ExpireTagsJob(Retention retention, ILogger<ExpireTagsJob> log) : Job
{
    public override string Kind => "expire-tags";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        if (await retention.ExpireAsync(cancellation) is var count and > 0) LogDone(count);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Tags that expired went into the trash: {Count}")]
    private partial void LogDone(int count);
}
