using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Scanners;

/// <summary>Has other scanners look into images: all scanners at once, so that none waits for another.</summary>
internal sealed class CallScannersJob(IReadOnlyList<ScannerTurns> scanners, Database database, TimeProvider clock)
    : Job, IDisposable
{
    public const string Name = "call-scanners";

    private const int RowsPerWrite = 100;

    /// <summary>How often images are looked for that were noted late, and reports of scanners that are gone.</summary>
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromHours(1);

    /// <summary>How long a scanner was not asked whose reports go: nodes get their settings one after the other.
    /// </summary>
    private static readonly TimeSpan LongestRollout = TimeSpan.FromDays(1);

    private long? swept;

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    /// <summary>Also without scanners: other nodes may have some, and share the turns of this job.</summary>
    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public void Dispose()
    {
        foreach (var scanner in scanners) scanner.Dispose();
    }

    /// <summary>Looks for all that at the next turn.</summary>
    public void Forget() => swept = null;

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        if (swept is null || clock.GetElapsedTime(swept.Value) > BetweenSweeps)
        {
            swept = clock.GetTimestamp();
            foreach (var scanner in scanners) scanner.Forget();
            while (await database.WriteAsync(
                session => ScannerReportTable.RemoveOthersAsync(
                    session, scanners.Select(scanner => scanner.Name), clock.GetUtcNow() - LongestRollout,
                    RowsPerWrite),
                isDurable: false, cancellation) > 0)
            {
            }
        }

        await Task.WhenAll(scanners.Select(scanner => scanner.RunAsync(cancellation)));
    }
}
