using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>What is inside images: lists of the files in layers, and what is made of them.</summary>
internal sealed class ContentsSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        services.AddSingleton<LayerWalk>().AddSingleton<FileReading>();
        if (settings.Contents.Index == ContentsIndexing.Never || settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<LayerIndexing>()
            .AddSingleton<Job, IndexLayersJob>().AddSingleton<Job, IndexLayerJob>();
    }

    public override void AddWriters(IServiceCollection services, RegistrySettings settings) =>
        services.AddSingleton<LayerRequests>();

    public override IEnumerable<Command> Commands => [ImageCommand.Create(), ImagePackageCommand.CreateSbom()];
}
