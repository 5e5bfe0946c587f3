using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Audit;

/// <summary>The log of who did what.</summary>
internal sealed class AuditSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var audit = settings.Audit;
        services.AddSingleton(audit);
        if (audit.File is { } path) services.AddSingleton<AuditSink>(_ => new AuditFile(path));
        if (audit.Syslog is { } server) services.AddSingleton<AuditSink>(_ => new AuditSyslog(new Uri(server)));
        services.AddSingleton<AuditLog>();
        services.AddSingleton<Job>(provider => new TrimJob(
            "trim-audit", provider.GetRequiredService<Database>(), audit.Keep, AuditTable.TrimAsync,
            provider.GetRequiredService<TimeProvider>()));
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        if (!settings.Audit.Enabled) return;
        services.AddHostedService(provider => provider.GetRequiredService<AuditLog>());
        services.AddHostedService(provider => new StartNote(
            settings, provider.GetRequiredService<Database>(), provider.GetRequiredService<AuditLog>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<StartNote>>()));
    }
}
