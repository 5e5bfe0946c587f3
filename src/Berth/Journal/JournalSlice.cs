using System.CommandLine;
using Berth.Cli;
using Berth.Settings;

namespace Berth.Journal;

/// <summary>What is kept beside the blobs, so that the index of images can be rebuilt from it.</summary>
internal sealed class JournalSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings) =>
        services.AddSingleton<JournalWriter>();

    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddHostedService(provider => provider.GetRequiredService<JournalWriter>());
    }

    public override IEnumerable<Command> Commands => [RebuildCommand.Create()];
}
