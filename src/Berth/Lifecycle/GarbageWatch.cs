using System.Data.Common;
using System.Diagnostics.Metrics;
using Berth.Metadata;
using Berth.Telemetry;

namespace Berth.Lifecycle;

/// <summary>
/// Counts on each node what waits to be removed, for metrics alone. A scrape gets what was counted last: it reads
/// nothing.
/// </summary>
internal sealed class GarbageWatch(Database database, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The count takes at most this part of the time: it takes longer the more garbage there is, and every node counts.
    /// </summary>
    private const double LargestShare = 0.01;

    private static readonly KeyValuePair<string, object?> LinkTag = new("berth.item", "link");
    private static readonly KeyValuePair<string, object?> BlobTag = new("berth.item", "blob");

    /// <summary>Null before the first count: then there is no measurement either.</summary>
    private static volatile GarbageBacklog? last;

    private static readonly ObservableGauge<long> Waiting = Meters.Berth.CreateObservableGauge(
        "berth.garbage.waiting", () => Garbage(amount => amount.Count), "{item}",
        "Blobs that nothing needs and that are still to be removed: from a repository, or from the store.");

    private static readonly ObservableGauge<long> WaitingBytes = Meters.Berth.CreateObservableGauge(
        "berth.garbage.size", () => Garbage(amount => amount.Bytes), "By", "The length of those blobs.");

    private static readonly ObservableGauge<long> TrashEntries = Meters.Berth.CreateObservableGauge(
        "berth.trash.entries", () => Trash(backlog => backlog.TrashEntries), "{entry}", "Entries of the trash.");

    private static readonly ObservableGauge<long> TrashBytes = Meters.Berth.CreateObservableGauge(
        "berth.trash.size", () => Trash(backlog => backlog.Trashed.Bytes), "By",
        "The length of blobs that only the trash needs, as the collector has found so far.");

    /// <summary>Counts now.</summary>
    public async Task LookAsync(CancellationToken cancellation) =>
        last = await database.ReadAsync(GarbageBacklog.ReadAsync, cancellation);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var since = clock.GetTimestamp();
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is DbException or DatabaseUnavailableException)
            {
                // Its own log says so. What was counted before is no longer true.
                last = null;
            }

            var rest = clock.GetElapsedTime(since) / LargestShare;
            await Task.Delay(rest > Period ? rest : Period, clock, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static IEnumerable<Measurement<long>> Garbage(Func<BlobAmount, long> read) => last is not { } backlog ? []
        : [new(read(backlog.Links), LinkTag), new(read(backlog.Blobs), BlobTag)];

    private static IEnumerable<Measurement<long>> Trash(Func<GarbageBacklog, long> read) =>
        last is not { } backlog ? [] : [new Measurement<long>(read(backlog))];
}
