using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Scrubbing;

/// <summary>Blobs that are read again in the background.</summary>
internal sealed class ScrubSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var storage = settings.Storage;
        if (!(storage.Maintenance.Scrub.Enabled ?? !storage.IsRemote) || storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<Scrub>().AddSingleton<Job, ScrubJob>();
    }

    public override IEnumerable<Command> Commands => [ScrubCommand.Create()];
}
