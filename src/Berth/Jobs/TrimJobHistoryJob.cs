using Berth.Metadata;
using Berth.Settings;

namespace Berth.Jobs;

/// <summary>Keeps the history of jobs within <c>jobs.historyage</c> and <c>jobs.historyentries</c>.</summary>
internal sealed class TrimJobHistoryJob(JobTable table, JobSettings settings) : Job
{
    public override string Kind => "trim-job-history";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromHours(1));

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        table.TrimHistoryAsync(settings.HistoryAge, settings.HistoryEntries, cancellation);
}
