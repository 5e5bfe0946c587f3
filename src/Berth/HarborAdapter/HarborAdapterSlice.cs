using Berth.Jobs;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>This registry as a scanner for Harbor, and for others that speak its scanner API.</summary>
internal sealed class HarborAdapterSlice : Slice
{
    public override void AddWriters(IServiceCollection services, RegistrySettings settings)
    {
        if (settings.Storage.Maintenance.ReadOnly.Enabled) return;

        // What scans left behind goes in time, even once they are turned off.
        services.AddSingleton(settings.ScannerAdapter).AddSingleton<Job, SweepScansJob>();
        if (!settings.ScannerAdapter.Enabled) return;
        services.AddSingleton<AdapterData>().AddSingleton<LayerLists>().AddSingleton<ImageScan>()
            .AddSingleton<ScanQueue>().AddSingleton<CallerCheck>().AddSingleton<AdapterEndpoints>();
        services.AddHostedService(provider => provider.GetRequiredService<ScanQueue>());
    }

    public override void Map(IEndpointRouteBuilder routes, RegistrySettings settings) =>
        routes.ServiceProvider.GetService<AdapterEndpoints>()?.Map(routes);
}
