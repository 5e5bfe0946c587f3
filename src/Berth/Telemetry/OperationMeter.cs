using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Berth.Telemetry;

/// <summary>Measures calls to another system, and records them as spans.</summary>
/// <param name="durations">The histogram of their durations.</param>
/// <param name="system">The label that names the system.</param>
/// <param name="operationLabel">The name of the label for the operation.</param>
internal sealed class OperationMeter(
    Histogram<double> durations, KeyValuePair<string, object?> system, string operationLabel)
{
    public async ValueTask<T> RunAsync<T>(string operation, Func<ValueTask<T>> call)
    {
        var startedAt = Stopwatch.GetTimestamp();
        using var span = Meters.Spans.StartActivity(operation, ActivityKind.Client);
        var tags = new TagList { system, { operationLabel, operation } };
        try
        {
            return await call();
        }
        catch (Exception e)
        {
            tags.Add("error.type", e.GetType().FullName);
            span?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
        finally
        {
            if (span is not null)
            {
                foreach (var (name, value) in tags) span.SetTag(name, value);
            }

            durations.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, tags);
        }
    }

    public async Task RunAsync(string operation, Func<Task> call) => await RunAsync(
        operation,
        async ValueTask<bool> () =>
        {
            await call();
            return true;
        });
}
