using System.CommandLine;
using Berth.Cli;
using Berth.Jobs;
using Berth.Settings;

namespace Berth.Scanning;

/// <summary>What is installed in images, noted so that it can be asked which images have something, and compared with
/// what is known of vulnerabilities.</summary>
internal sealed class ScanningSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;
        var hasLists = settings.Contents.Index != ContentsIndexing.Never;
        if (hasLists) services.AddSingleton<ImageScanning>().AddSingleton<Job, ScanImagesJob>();
        if (settings.Vulnerabilities.Sources.Count == 0) return;
        if (!hasLists && !settings.ScannerAdapter.Enabled) return;
        services.AddSingleton(settings.Vulnerabilities)
            .AddSingleton<PackageMatching>().AddSingleton<Job, MatchPackagesJob>();
    }

    public override IEnumerable<Command> Commands => [ScanCommand.Create(), VulnerabilitiesCommand.Create()];
}
