using System.Globalization;
using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Lifecycle;

/// <summary>
/// A collection that somebody asked for, and waits for: all that is due goes, and what that leaves over.
/// </summary>
internal sealed class RequestedCollectionJob(GarbageCollector collector, Database database, TimeProvider clock) : Job
{
    public const string Name = "collect-garbage-now";

    public override string Kind => Name;

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    /// <summary>Records that a collection is wanted, and adds the job of it.</summary>
    public static async ValueTask<CollectionRow> AddAsync(
        Session session, JobTable jobs, TimeSpan grace, bool emptiesTrash, string requestedBy,
        DateTimeOffset now)
    {
        var row = new CollectionRow(0, grace, CollectionStates.Waiting, GarbageReport.Nothing, emptiesTrash)
        {
            RequestedAt = now,
            RequestedBy = requestedBy,
        };
        row = await CollectionTable.AddAsync(session, row);
        await jobs.AddAsync(session, Name, row.Id.ToString(CultureInfo.InvariantCulture));
        return row;
    }

    /// <param name="payload">The number of the collection.</param>
    /// <param name="cancellation">As <see cref="Job.RunAsync"/> has it.</param>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var id = long.Parse(payload, CultureInfo.InvariantCulture);
        if (await database.ReadAsync(session => CollectionTable.FindAsync(session, id), cancellation) is not { } row)
            return;

        // After a failure it goes on with what is left, and counts on.
        row = row with { State = CollectionStates.Running, StartedAt = row.StartedAt ?? clock.GetUtcNow() };
        var before = row.Removed;
        try
        {
            await WriteAsync(row, cancellation);
            await collector.RunAllAsync(
                row.Grace, row.EmptiesTrash,
                removed => WriteAsync(row = row with { Removed = before + removed }, cancellation), cancellation);
            row = row with { State = CollectionStates.Done, EndedAt = clock.GetUtcNow(), Error = null };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            row = row with { State = CollectionStates.Failed, EndedAt = clock.GetUtcNow(), Error = e.Message };
            throw;
        }
        finally
        {
            await WriteAsync(row, CancellationToken.None);
        }
    }

    private async Task WriteAsync(CollectionRow row, CancellationToken cancellation) => await database.WriteAsync(
        async session =>
        {
            await CollectionTable.UpdateAsync(session, row);
            return true;
        },
        isDurable: false, cancellation);
}
