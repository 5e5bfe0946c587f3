using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Backups;

/// <summary>Backups of metadata and blobs, and bringing them back.</summary>
internal sealed class BackupSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.Backup.To is null) return;
        services.AddSingleton(settings.Storage.Maintenance.Backup).AddSingleton<RegistryBackups>()
            .AddSingleton<BackupWatch>();
        services.AddSingleton<Job, BackupJob>().AddSingleton<Job, RequestedBackupJob>()
            .AddSingleton<Job, CheckBackupsJob>();
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.Backup.To is null) return;
        services.AddHostedService(provider => provider.GetRequiredService<BackupWatch>());
    }

    public override IEnumerable<Command> Commands => [BackupCommand.Create(), RestoreCommand.Create()];
}
