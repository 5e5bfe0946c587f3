using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>What becomes of everything stored: garbage collection, verification, and copying the metadata.</summary>
internal sealed class LifecycleSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        services.AddSingleton(settings.Storage.Maintenance.Gc).AddSingleton<GarbageCollector>()
            .AddSingleton<GarbageEstimate>();
        if (!settings.Storage.Maintenance.ReadOnly.Enabled) services.AddSingleton<Job, RequestedCollectionJob>();
        if (!settings.Storage.Maintenance.Gc.Enabled || settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<Job, CollectGarbageJob>().AddSingleton<Job, FindOrphansJob>();
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Database.Host is null) services.AddHostedService<LocalNotices>();
    }

    public override IEnumerable<Command> Commands =>
    [
        GcCommand.Create(), TagCommand.Create(), TrashCommand.Create(), VerifyCommand.Create(),
        CopyMetadataCommand.Create(),
    ];
}
