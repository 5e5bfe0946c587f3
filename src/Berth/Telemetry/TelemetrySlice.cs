using Berth.Hosting;
using Berth.Settings;

namespace Berth.Telemetry;

/// <summary>The debug address, and the export of measurements.</summary>
internal sealed class TelemetrySlice : Slice
{
    /// <summary>Whether anything is measured at all.</summary>
    public static bool IsWanted(RegistrySettings settings) => TelemetryExport.IsWanted(IsFetched(settings));

    public override void AddServices(IServiceCollection services, RegistrySettings settings)
    {
        if (IsWanted(settings))
        {
            services.AddSingleton(_ => TelemetryExport.Start(
                IsFetched(settings), typeof(TelemetrySlice).Assembly.GetName().Version!.ToString(fieldCount: 3))!);
        }

        if (settings.Http.Debug.Addr is null) return;
        services.AddSingleton<DebugServer>();
        services.AddHostedService(provider => provider.GetRequiredService<DebugServer>());
    }

    private static bool IsFetched(RegistrySettings settings) =>
        settings.Http.Debug is { Addr: not null, Prometheus.Enabled: true };
}
