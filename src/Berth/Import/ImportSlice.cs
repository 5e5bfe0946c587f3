using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Import;

/// <summary>What others have: registries that move in, and images in folders and archives.</summary>
internal sealed class ImportSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (!settings.Storage.Maintenance.ReadOnly.Enabled) AddJob(services);
    }

    public override IEnumerable<Command> Commands => [ImportCommand.Create(), ExportCommand.Create()];

    /// <summary>For a node that runs imports.</summary>
    public static void AddJob(IServiceCollection services) => services.AddSingleton<BlobIntake>()
        .AddSingleton<TagIntake>().AddSingleton<ImportParts>().AddSingleton<RegistryImport>()
        .AddSingleton<Job, ImportJob>();
}
