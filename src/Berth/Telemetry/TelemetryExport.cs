using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Berth.Telemetry;

/// <summary>
/// Exports measurements: Prometheus scrapes them, and a collector receives them if OpenTelemetry's own variables
/// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and the like) name one. With neither, nothing is measured.
/// </summary>
internal sealed class TelemetryExport : IDisposable
{
    private static readonly string[] Sources =
        [Meters.Name, "System.Runtime", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql"];

    /// <summary>How long a collector that does not answer may hold up the end of the process.</summary>
    private const int LongestGoodbyeMilliseconds = 2000;

    private readonly TracerProvider? traces;

    private TelemetryExport(MeterProvider metrics, TracerProvider? traces) =>
        (Metrics, this.traces) = (metrics, traces);

    public MeterProvider Metrics { get; }

    /// <summary>Null if nothing is to be exported.</summary>
    /// <param name="forPrometheus">Whether Prometheus scrapes metrics.</param>
    /// <param name="version">Berth's.</param>
    public static TelemetryExport? Start(bool forPrometheus, string version)
    {
        if (!IsWanted(forPrometheus)) return null;
        var resource = ResourceBuilder.CreateEmpty().AddService("berth", serviceVersion: version)
            .AddTelemetrySdk().AddEnvironmentVariableDetector();
        var metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Sources)
            .AddView(instrument => IsMeasuredTwice(instrument.Meter.Name, instrument.Name)
                ? MetricStreamConfiguration.Drop : null);
        if (forPrometheus) metrics.AddPrometheusExporter();
        if (IsSent("METRICS")) metrics.AddOtlpExporter();
        var traces = IsSent("TRACES")
            ? Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Meters.Name).AddOtlpExporter()
            : null;
        return new TelemetryExport(metrics.Build(), traces?.Build());
    }

    public static bool IsWanted(bool forPrometheus) => forPrometheus || IsSent("METRICS") || IsSent("TRACES");

    public void Dispose()
    {
        // Both at once; either one would wait for five seconds by itself.
        Parallel.Invoke(
            () => traces?.Shutdown(LongestGoodbyeMilliseconds), () => Metrics.Shutdown(LongestGoodbyeMilliseconds));
        traces?.Dispose();
        Metrics.Dispose();
    }

    /// <summary>The driver measures each statement; Berth measures each read and write, on both engines.</summary>
    private static bool IsMeasuredTwice(string meter, string instrument) =>
        meter == "Npgsql" && instrument == "db.client.operation.duration";

    private static bool IsSent(string signal) =>
        !string.Equals(Variable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)
        && Variable($"OTEL_{signal}_EXPORTER") is null or "otlp"
        && (Variable("OTEL_EXPORTER_OTLP_ENDPOINT") ?? Variable($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")) is not null;

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
