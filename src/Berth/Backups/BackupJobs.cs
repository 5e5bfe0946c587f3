using System.Globalization;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Backups;

/// <summary>Makes a backup at the times of <c>storage.maintenance.backup.schedule</c>.</summary>
internal sealed class BackupJob(RegistryBackups backups, BackupSettings settings) : Job
{
    public override string Kind => "backup";

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Cron(settings.Schedule);

    /// <summary>The first one copies everything.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromDays(7);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        backups.MakeAsync(row: null, cancellation);
}

/// <summary>A backup that somebody asked for.</summary>
internal sealed class RequestedBackupJob(RegistryBackups backups, Database database) : Job
{
    public const string Name = "backup-now";

    public override string Kind => Name;

    public override TimeSpan TimeLimit => TimeSpan.FromDays(7);

    /// <summary>Records that a backup is wanted, and adds the job of it.</summary>
    public static async ValueTask<BackupRow> AddAsync(
        Session session, JobTable jobs, string to, DateTimeOffset now)
    {
        var row = await BackupTable.AddAsync(
            session, new BackupRow(0, BackupPlace.NameOf(to), BackupStates.Waiting) { StartedAt = now });
        await jobs.AddAsync(session, Name, row.Id.ToString(CultureInfo.InvariantCulture));
        return row;
    }

    /// <param name="payload">The number of the backup.</param>
    /// <param name="cancellation">As <see cref="Job.RunAsync"/> has it.</param>
    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var id = long.Parse(payload, CultureInfo.InvariantCulture);
        var row = await database.ReadAsync(session => BackupTable.FindAsync(session, id), cancellation);
        if (row is null or { State: BackupStates.Whole or BackupStates.Damaged }) return;
        await backups.MakeAsync(row with { Error = null }, cancellation);
    }
}

/// <summary>
/// Reads all backups again, every <c>storage.maintenance.backup.checkinterval</c> and when somebody asks for it, a turn
/// at a time.
/// </summary>
internal sealed class CheckBackupsJob(RegistryBackups backups) : Job
{
    public const string Name = "check-backups";

    public override string Kind => Name;

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    /// <summary>A turn ends after minutes, but reads a damaged blob once more, whole.</summary>
    public override TimeSpan TimeLimit => TimeSpan.FromDays(2);

    /// <summary>Begins a pass over all backups now, unless one is running.</summary>
    /// <returns>The pass that is running then, and whether it is a new one.</returns>
    public static async ValueTask<(ScrubPass Pass, bool IsNew)> BeginAsync(
        Session session, JobTable jobs, DateTimeOffset now)
    {
        var begun = await ScrubTable.BeginAsync(session, ScrubTable.OfBackups, now);
        if (begun.IsNew) await jobs.HastenAsync(session, Name);
        return begun;
    }

    public override Task RunAsync(string payload, CancellationToken cancellation) => backups.CheckAsync(cancellation);
}
