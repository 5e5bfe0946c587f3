using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Bench;

/// <summary>All figures of a registry with a given number of manifests.</summary>
internal sealed record ScaleRun(
    int Manifests, List<ScaleFigure> Figures, List<ScaleTable> Tables, double ReadyMilliseconds, double Load);

/// <summary>
/// The same requests to registries of growing size over PostgreSQL. Writes its part of docs/scaling.md.
/// </summary>
internal static class Scale
{
    private static readonly int[] Written = [1_000, 100_000, 1_000_000];

    public static async Task<int> RunAsync(string[] arguments)
    {
        var sizes = arguments.Select(a => int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            && n is >= 1_000 and <= 10_000_000 ? n : 0).ToArray();
        if (sizes.Contains(0))
        {
            await Console.Error.WriteLineAsync("scale [SIZE...]: how many manifests, from 1000 to 10000000");
            return 2;
        }

        if (sizes.Length == 0) sizes = Written;
        var root = Directory.CreateTempSubdirectory("berth-scale-").FullName;
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        try
        {
            await using var database = await ScaleDatabase.StartAsync(stop.Token);
            var runs = new List<ScaleRun>();
            foreach (var size in sizes) runs.Add(await RunAsync(database, root, size, stop.Token));
            Console.WriteLine(ScalePage.ToMarkdown(runs));
            if (sizes.SequenceEqual(Written)) await ScalePage.WriteAsync(runs);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("aborted by a signal");
            return 3;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    private static async Task<ScaleRun> RunAsync(
        ScaleDatabase database, string root, int size, CancellationToken stop)
    {
        var peers = new Peers(root, null, stop);
        var folder = $"store-{size}";
        Task<Server> StartAsync(string cache) => peers.StartAsync(
            Peers.Berth, folder: folder,
            environment: [.. database.Variables, ("REGISTRY_LIMITS_MANIFESTCACHEBYTES", cache)]);

        var began = Stopwatch.GetTimestamp();
        await database.CreateAsync(stop);
        await using (await StartAsync("0"))
        {
            // It has created the tables.
        }

        await ScaleSeed.FillAsync(database, size, stop);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await Console.Error.WriteLineAsync($"{size}: filled after {seconds:0} s");
        var tables = await ScaleSeed.SizesAsync(database, stop);
        var places = await ScaleSeed.PlacesAsync(database, size, ScaleRequests.Places, stop);
        var ready = new List<double>();
        for (var round = 0; round < 3; round++)
        {
            await using var server = await StartAsync("0");
            ready.Add(server.ReadyAfter.TotalMilliseconds);
        }

        List<ScaleFigure> figures;
        await using (var server = await StartAsync("0"))
        {
            figures = await new ScaleRequests(server, database, size, stop).MeasureAsync(places);
        }

        await using (var server = await StartAsync("64MiB"))
        {
            figures.Add(await new ScaleRequests(server, database, size, stop).MeasureCachedAsync(places));
        }

        var load = double.Parse(
            (await File.ReadAllTextAsync("/proc/loadavg", stop)).Split(' ')[0], CultureInfo.InvariantCulture);
        return new ScaleRun(size, figures, tables, ready.Order().ElementAt(1), load);
    }
}
