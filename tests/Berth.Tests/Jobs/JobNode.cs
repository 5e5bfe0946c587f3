using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Jobs;

/// <summary>A node that runs jobs and nothing else.</summary>
internal sealed class JobNode : IAsyncDisposable
{
    private bool isStopped;

    public JobNode(Database database, Job job, JobSettings? settings = null, TimeProvider? clock = null)
        : this(database, [job], settings, clock)
    {
    }

    /// <param name="database">The shared database.</param>
    /// <param name="jobs">The jobs that it knows.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="clock">A clock that the test moves.</param>
    public JobNode(Database database, Job[] jobs, JobSettings? settings, TimeProvider? clock)
    {
        Database = new WatchedDatabase(database);
        Table = new JobTable(Database, new JobClock(clock ?? TimeProvider.System, isOwn: clock is not null));
        Runner = new JobRunner(
            jobs, Table, settings ?? new JobSettings(), Database, clock ?? TimeProvider.System,
            NullLoggerFactory.Instance);
    }

    public WatchedDatabase Database { get; }

    public JobTable Table { get; }

    public JobRunner Runner { get; }

    public Task StartAsync() => Runner.StartAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        if (isStopped) return;
        isStopped = true;
        await Runner.StopAsync(CancellationToken.None);
        Runner.Dispose();
    }
}

/// <summary>A shared database, as seen by a node that can lose contact.</summary>
internal sealed class WatchedDatabase : Database
{
    private readonly Database inner;
    private int reads;
    private int writes;

    public WatchedDatabase(Database inner)
    {
        this.inner = inner;
        inner.JobsAdded += TellOfJobs;
    }

    public bool IsCutOff { get; set; }

    public int Reads => reads;

    public int Writes => writes;

    public override string Name => inner.Name;

    public override ValueTask<T> ReadAsync<T>(
        Func<Session, ValueTask<T>> query, CancellationToken cancellation = default)
    {
        Interlocked.Increment(ref reads);
        if (IsCutOff) throw new DatabaseUnavailableException("cut off");
        return inner.ReadAsync(query, cancellation);
    }

    public override Task<T> WriteAsync<T>(
        Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default)
    {
        Interlocked.Increment(ref writes);
        if (IsCutOff) throw new DatabaseUnavailableException("cut off");
        return inner.WriteAsync(change, isDurable, cancellation);
    }

    public override PostgresListener? Listen(Action<string> forget, Action forgetAll, ILogger log) =>
        inner.Listen(forget, forgetAll, log);

    public override Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation) =>
        inner.ReadSnapshotAsync(work, cancellation);

    public override Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation) =>
        inner.UseAloneAsync(work, cancellation);

    public override Task<List<string>> CheckAsync(CancellationToken cancellation) =>
        inner.CheckAsync(cancellation);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A job that does what a test says.</summary>
internal sealed class ScriptedJob(
    Func<string, CancellationToken, Task> work, TimeSpan? interval = null, string kind = "scripted",
    Lane lane = Lane.Default, Schedule? schedule = null, TimeSpan? timeLimit = null)
    : Job
{
    public override string Kind => kind;

    public override Lane Lane => lane;

    public override Schedule? Schedule => schedule ?? (interval is { } time ? Schedule.Every(time) : null);

    public override TimeSpan TimeLimit => timeLimit ?? TimeSpan.FromHours(1);

    public override Task RunAsync(string payload, CancellationToken cancellation) => work(payload, cancellation);
}
