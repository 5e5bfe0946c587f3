using Berth.Jobs;
using Berth.Settings;

namespace Berth.Scanning;

/// <summary>What is installed in images, noted so that it can be asked which images have something.</summary>
internal sealed class ScanningSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Contents.Index == ContentsIndexing.Never || settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton(provider => new ImageScanning(
            provider.GetRequiredService<Metadata.Database>(), provider.GetRequiredService<Metadata.ManifestTable>(),
            provider.GetRequiredService<Contents.ImagePackages>(), settings.Contents, settings.Limits,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ImageScanning>>()));
        services.AddSingleton<Job, ScanImagesJob>();
    }
}
