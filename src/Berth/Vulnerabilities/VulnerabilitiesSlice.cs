using Berth.Hosting;
using Berth.Import;
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
        services.AddSingleton(provider =>
        {
            var clock = provider.GetRequiredService<TimeProvider>();
            return new VulnerabilityData(settings.Vulnerabilities, folder, clock) { Pull = PullBy(clock) };
        });
    }

    internal static PullArtifact PullBy(TimeProvider clock) => async (name, pathOf, stop) =>
    {
        try
        {
            await ArtifactPull.PullAsync(name, pathOf, clock, stop);
        }
        catch (SourceException e)
        {
            throw new FetchException(e.Message, e);
        }
    };
}
