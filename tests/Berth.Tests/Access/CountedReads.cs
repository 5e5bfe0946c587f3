using System.Diagnostics;
using System.Diagnostics.Metrics;
using Berth.Settings;

namespace Berth.Tests.Access;

/// <summary>
/// Counts a registry's reads of its database by the program's own metric. Other tests, and the registry between
/// requests, read too: the reads of this test's requests are known by their trace.
/// </summary>
internal sealed class CountedReads : IDisposable
{
    /// <summary>With which a registry measures its reads.</summary>
    public static readonly DebugSettings Telemetry = new()
    {
        Addr = "127.0.0.1:0",
        Prometheus = new PrometheusSettings { Enabled = true },
    };

    private readonly MeterListener measurements = new();
    private readonly ActivityListener requests = new()
    {
        ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
        Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.PropagationData,
    };

    private readonly ActivityTraceId trace = ActivityTraceId.CreateRandom();
    private int count;

    public CountedReads()
    {
        measurements.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Name == "db.client.operation.duration") listening.EnableMeasurementEvents(instrument);
        };
        measurements.SetMeasurementEventCallback<double>(Measure);
        measurements.Start();
        ActivitySource.AddActivityListener(requests);
    }

    public int Count => Volatile.Read(ref count);

    /// <summary>Counts what this request reads.</summary>
    public void Follow(HttpRequestMessage request) =>
        request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");

    public void Dispose()
    {
        measurements.Dispose();
        requests.Dispose();
    }

    private void Measure(
        Instrument instrument, double seconds, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (Activity.Current?.TraceId != trace) return;
        foreach (var tag in tags)
        {
            if (tag is { Key: "db.operation.name", Value: "read" }) Interlocked.Increment(ref count);
        }
    }
}
