using Berth.Telemetry;

namespace Berth.Metadata;

/// <summary>A database whose reads and writes are measured, if telemetry is enabled.</summary>
internal sealed class MeasuredDatabase : Database
{
    private readonly Database inner;
    private readonly OperationMeter meter;

    public MeasuredDatabase(Database inner)
    {
        this.inner = inner;
        inner.JobsAdded += TellOfJobs;
        meter = new OperationMeter(
            Meters.Duration("db.client.operation.duration", "Reads and writes, including waits and retries."),
            new("db.system.name", inner is SqliteDatabase ? "sqlite" : "postgresql"), "db.operation.name");
    }

    public override string Name => inner.Name;

    public override ValueTask<T> ReadAsync<T>(
        Func<Session, ValueTask<T>> query, CancellationToken cancellation = default) =>
        meter.RunAsync("read", () => inner.ReadAsync(query, cancellation));

    public override Task ReadSnapshotAsync(Func<Session, Task> work, CancellationToken cancellation) =>
        inner.ReadSnapshotAsync(work, cancellation);

    public override async Task<T> WriteAsync<T>(
        Func<Session, ValueTask<T>> change, bool isDurable, CancellationToken cancellation = default) =>
        await meter.RunAsync("write", async () => await inner.WriteAsync(change, isDurable, cancellation));

    public override Task UseAloneAsync(Func<Session, Task> work, CancellationToken cancellation) =>
        inner.UseAloneAsync(work, cancellation);

    public override Task RequireUnusedAsync(CancellationToken cancellation) => inner.RequireUnusedAsync(cancellation);

    public override Task<List<string>> CheckAsync(CancellationToken cancellation) => inner.CheckAsync(cancellation);

    public override PostgresListener? Listen(Action<string> forget, Action forgetAll, ILogger log) =>
        inner.Listen(forget, forgetAll, log);

    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}
