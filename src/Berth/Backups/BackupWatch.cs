using System.Data.Common;
using System.Diagnostics.Metrics;
using Berth.Metadata;
using Berth.Settings;
using Berth.Telemetry;
using Cronos;

namespace Berth.Backups;

/// <summary>
/// Sees on each node whether backups are made when they should be, and are whole: for <c>/readyz</c> and metrics.
/// </summary>
internal sealed class BackupWatch(RegistrySettings settings, Database database, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>How long a backup may take, or be tried again, before it counts as late.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromHours(2);

    private static long ageSeconds = -1;
    private static long damagedCount;

    private static readonly ObservableGauge<long> Age = Meters.Berth.CreateObservableGauge(
        "berth.backup.age", () => Volatile.Read(ref ageSeconds), "s",
        "How long ago the point in time of the latest whole backup was; -1: there is none.");

    private static readonly ObservableGauge<long> DamagedOnes = Meters.Berth.CreateObservableGauge(
        "berth.backup.damaged", () => Volatile.Read(ref damagedCount), "{backup}",
        "Backups that are damaged, as the last check found them.");

    private readonly CronExpression schedule =
        CronExpression.Parse(settings.Storage.Maintenance.Backup.Schedule);

    private readonly DateTimeOffset startedAt = clock.GetUtcNow();
    private volatile string? problem;

    /// <summary>What is wrong with the backups; null if nothing is.</summary>
    public string? Problem => problem;

    /// <summary>Looks now.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        var place = BackupPlace.NameOf(settings.Storage.Maintenance.Backup.To!);
        var rows = await database.ReadAsync(session => BackupTable.PresentAsync(session, place), cancellation);
        var damaged = rows.FindAll(row => row.State == BackupStates.Damaged);
        var last = rows.Find(row => row.State == BackupStates.Whole)?.StartedAt;
        Volatile.Write(ref ageSeconds, last is null ? -1 : (long)(clock.GetUtcNow() - last.Value).TotalSeconds);
        Volatile.Write(ref damagedCount, damaged.Count);
        problem = IsLate(last ?? startedAt)
            ? last is null ? $"there is no whole backup in {place} yet, although one was due"
                : $"the latest whole backup in {place} is of {last:yyyy-MM-dd HH:mm} UTC, and another was due"
            : damaged is [var first, ..] ? $"backup {first.Name} in {place} is damaged: {first.Error}" : null;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        do
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is DbException or DatabaseUnavailableException)
            {
                // Its own log says so.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private bool IsLate(DateTimeOffset last) =>
        schedule.GetNextOccurrence(last, TimeZoneInfo.Utc) is { } due && clock.GetUtcNow() > due + Patience;
}
