using Berth.Jobs;
using Berth.Settings;

namespace Berth.Scanning;

/// <summary>What is installed in images, noted so that it can be asked which images have something.</summary>
internal sealed class ScanningSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Contents.Index == ContentsIndexing.Never || settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<ImageScanning>().AddSingleton<Job, ScanImagesJob>();
    }
}
