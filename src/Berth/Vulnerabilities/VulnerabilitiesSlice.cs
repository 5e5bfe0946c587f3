using Berth.Hosting;
using Berth.Settings;

namespace Berth.Vulnerabilities;

/// <summary>What is known of packages, brought from where the settings say.</summary>
internal sealed class VulnerabilitiesSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var folder = settings.Vulnerabilities.Folder ?? Path.Combine(
            DataFolder.IsNeeded(settings) ? DataFolder.RootOf(settings) : Path.Combine(Path.GetTempPath(), "berth"),
            "vulnerabilities");
        services.AddSingleton(provider => new VulnerabilityData(
            settings.Vulnerabilities, folder, provider.GetRequiredService<TimeProvider>()));
    }
}
