using Berth.Hosting;
using Berth.Import;
using Berth.Settings;

namespace Berth.Vulnerabilities;

/// <summary>What is known of packages, brought from where the settings say.</summary>
internal sealed class VulnerabilitiesSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        var isTemporary = settings.Vulnerabilities.Folder is null && !DataFolder.IsNeeded(settings);
        var folder = settings.Vulnerabilities.Folder ?? (isTemporary
            ? Path.Combine(Path.GetTempPath(), "berth-vulnerabilities-" + PlaceOf(settings.Http.Addr))
            : Path.Combine(DataFolder.RootOf(settings), "vulnerabilities"));
        services.AddSingleton(provider =>
        {
            var clock = provider.GetRequiredService<TimeProvider>();
            return new VulnerabilityData(settings.Vulnerabilities, folder, clock)
            {
                Pull = PullBy(clock),
                IsTemporary = isTemporary,
            };
        });
    }

    /// <summary>Several nodes on one machine listen at different places.</summary>
    private static string PlaceOf(string address) => string.Concat(address.Where(char.IsAsciiLetterOrDigit));

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
