using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>Forgets scans of others whose time is over, and what is known of layers that nobody has had scanned for a
/// while, or that are too many. It runs even where no scans are done any more, for what is left of them.</summary>
internal sealed class SweepScansJob(
    Database database, JobClock times, ScannerAdapterSettings settings, TimeProvider clock) : Job
{
    public const string Name = "sweep-adapter-scans";

    private const int RowsPerWrite = 100;

    private static readonly Schedule WhileOn = Schedule.Every(TimeSpan.FromMinutes(10));

    /// <summary>What is left from before goes when its time is over.</summary>
    private static readonly Schedule WhileOff = Schedule.Every(TimeSpan.FromHours(1));

    /// <summary>Images are scanned again each day or week.</summary>
    private static readonly TimeSpan LayersFor = TimeSpan.FromDays(30);

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule => settings.Enabled ? WhileOn : WhileOff;

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        while (await WriteAsync(
            async session => await AdapterScanTable.RemoveEndedAsync(
                session, now, await times.NowAsync(session), RowsPerWrite),
            cancellation) > 0)
        {
        }

        while (await WriteAsync(
            session => AdapterLayerTable.RemoveAsync(session, now - LayersFor, RowsPerWrite), cancellation) > 0)
        {
        }

        // Those that are new since this began are left to the next run.
        while (await database.ReadAsync(AdapterLayerTable.SizeAsync, cancellation) > settings.LayerCacheBytes
            && await WriteAsync(
                session => AdapterLayerTable.RemoveAsync(session, now, RowsPerWrite), cancellation) > 0)
        {
        }

        await WriteAsync(
            session => AdapterLayerTable.RemoveEcosystemsAsync(session, now - AdapterLayerTable.WantedFor),
            cancellation);
    }

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);
}
