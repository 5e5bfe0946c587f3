using Berth.Contents;
using Berth.Disk;
using Berth.Import;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Policies;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Attaching;

/// <summary>What the registry itself attaches to images.</summary>
internal sealed class AttachingSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (!settings.Sbom.IsOn || settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton(provider => new SbomAttaching(
            provider.GetRequiredService<Database>(), provider.GetRequiredService<ImageFiles>(),
            provider.GetRequiredService<ImagePackages>(), provider.GetRequiredService<AttachedDocuments>(),
            provider.GetRequiredService<BlobIntake>(), provider.GetRequiredService<ManifestWriter>(),
            provider.GetRequiredService<Spools>(), settings, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<SbomAttaching>>()))
            .AddSingleton<Job, AttachSbomsJob>();
    }
}
