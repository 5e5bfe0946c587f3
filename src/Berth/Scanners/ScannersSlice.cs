using System.CommandLine;
using Berth.Access;
using Berth.Cli;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Scanners;

/// <summary>Other scanners of images, which are asked over Harbor's scanner API.</summary>
internal sealed class ScannersSlice : Slice
{
    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;
        services.AddSingleton<Job>(provider =>
        {
            var (database, clock) = (
                provider.GetRequiredService<Database>(), provider.GetRequiredService<TimeProvider>());
            return new CallScannersJob(
                [.. settings.Scanners.Select(scanner => new ScannerTurns(
                    new ScannerAdapter(scanner, clock),
                    scanner.RegistryUrl ?? settings.Http.Host ?? "", database,
                    provider.GetRequiredService<AccessTokens>(), clock,
                    provider.GetRequiredService<ILogger<ScannerTurns>>()))],
                database, clock);
        });
    }

    public override IEnumerable<Command> Commands => [ScannerCommand.Create()];
}
