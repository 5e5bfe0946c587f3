using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Registry;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Lifecycle;

/// <summary>What becomes of everything stored: garbage collection, verification, and copying the metadata.</summary>
internal sealed class LifecycleSlice : Slice
{
    /// <summary>Enough to compare a month with the same one a year before.</summary>
    private static readonly TimeSpan PullCountsKept = TimeSpan.FromDays(400);

    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        services.AddSingleton<StoreIdentity>();
        services.AddSingleton(settings.Storage.Maintenance.Gc).AddSingleton<GarbageCollector>()
            .AddSingleton<GarbageEstimate>().AddSingleton<Reclaimable>().AddSingleton<UsageTree>();
        if (TelemetrySlice.IsWanted(settings))
        {
            services.AddSingleton<GarbageWatch>();
            services.AddHostedService(provider => provider.GetRequiredService<GarbageWatch>());
        }

        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<Job, RequestedCollectionJob>().AddSingleton<Job, RequestedRetentionJob>()
            .AddSingleton<Job, ExpireTagsJob>().AddSingleton<Job, PurgeTrashJob>();
        services.AddSingleton<Job>(provider => new TrimJob(
            "trim-pull-counts", provider.GetRequiredService<Database>(), PullCountsKept, PullTable.TrimAsync,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(settings.Storage.Maintenance.TagHistory).AddSingleton<Job, TrimTagHistoryJob>();
        if (settings.Storage.Maintenance.Retention.Enabled) services.AddSingleton<Job, RetentionJob>();
        if (!settings.Storage.Maintenance.Gc.Enabled) return;
        services.AddSingleton<Job, CollectGarbageJob>().AddSingleton<Job, FindOrphansJob>();
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        services.AddHostedService<LateStoreCheck>();
        if (settings.Database.Host is null) services.AddHostedService<LocalNotices>();
        services.AddHostedService(provider => provider.GetRequiredService<PullTimes>());
    }

    public override IEnumerable<Command> Commands =>
    [
        GcCommand.Create(), TagCommand.Create(), TrashCommand.Create(), TagRuleCommand.Create(),
        RetentionCommand.Create(), PinsCommand.Create(), UsageCommand.Create(), QuotaCommand.Create(),
        VerifyCommand.Create(), CopyMetadataCommand.Create(), AdoptStoreCommand.Create(),
    ];
}
