using System.CommandLine;
using Berth.Cli;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Jobs;

/// <summary>Work that outlives requests, its history, and <c>berth jobs</c>.</summary>
internal sealed class JobsSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        services.AddSingleton(settings.Jobs).AddSingleton<JobTable>().AddSingleton<JobRunner>();
        services.AddSingleton(provider => new JobClock(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Job, TrimJobHistoryJob>();
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings) =>
        services.AddHostedService(provider => provider.GetRequiredService<JobRunner>());

    public override IEnumerable<Command> Commands => [JobsCommand.Create()];
}
