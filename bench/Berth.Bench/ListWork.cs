using System.Globalization;
using System.Text;

namespace Berth.Bench;

/// <summary>
/// Pages of 100 from random positions in long lists, in a small and a large store, and startup on the large one. Berth
/// alone: filling the peers takes minutes, and some of their pages take seconds.
/// </summary>
internal static class ListWork
{
    private const int Small = 1_000;
    private const int Pages = 20_000;
    private const string Subject =
        """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""";

    public static async Task RunAsync(Workbench bench)
    {
        await using (var small = await bench.Peers.StartAsync(Peers.Berth, folder: "store-small"))
        {
            await using var large = await bench.Peers.StartAsync(Peers.Berth, folder: "store-large");
            await FillAsync(bench, small, Small);
            await FillAsync(bench, large, bench.Options.LargeStore);
            await MeasureListAsync(bench, small, large, "tags/list", i => $"/v2/tags/tags/list?n=100&last=v{i:000000}");
            await MeasureListAsync(bench, small, large, "_catalog", i => $"/v2/_catalog?n=100&last=some/r{i:000000}");
            await MeasureReferrersAsync(bench, large);
        }

        await MeasureStartAsync(bench);
    }

    private static async Task FillAsync(Workbench bench, Server server, int count)
    {
        await bench.Load.MeasureAsync(server, "per_s", "fill", "-n", $"{count}", "-r", "tags", "-t", "v");
        await bench.Load.MeasureAsync(server, "per_s", "fill", "-n", $"{count}", "-r", "some/r", "--repos");
    }

    private static async Task MeasureListAsync(
        Workbench bench, Server small, Server large, string list, Func<int, string> pathOf)
    {
        var paths = WritePaths(bench, "paths", bench.Options.LargeStore, pathOf);
        var pathsOfSmall = WritePaths(bench, "paths-small", Small, pathOf);
        foreach (var connections in new[] { 1, 4 })
        {
            var beside = new List<Sample>();
            var taken = await bench.RoundsAsync([large], async server =>
            {
                beside.Add(await RequestAsync(bench, small, connections, "-f", pathsOfSmall));
                return await RequestAsync(bench, server, connections, "-f", paths);
            });
            var ofSmall = new Dictionary<string, List<Sample>> { [Peers.Berth] = beside[1..] };
            bench.Report.Add($"{Work(list, Small, connections)}: pages/s", ofSmall, Cost.P99);
            var work = Work(list, bench.Options.LargeStore, connections);
            bench.Report.Add($"{work}: pages/s", taken, Cost.P99);
            var p99 = Spread.Of(taken[Peers.Berth], s => s.P99Milliseconds ?? 0);
            bench.Report.Add(new Goal(work, "p99", false, 5, "ms", p99));
            var ratio = Spread.OfRatios(taken[Peers.Berth], beside[1..], s => s.P99Milliseconds ?? 0);
            bench.Report.Add(new Goal(work, "p99", false, 1.5, $"× that of {Count(Small)}", ratio));
        }
    }

    private static Task<Sample> RequestAsync(
        Workbench bench, Server server, int connections, params string[] options) => bench.Load.MeasureAsync(
        server, "rps", ["req", "-c", $"{connections}", "-d", bench.Options.RequestSeconds, .. options]);

    private static string Work(string list, int count, int connections) =>
        $"{list} of {Count(count)}, random pages of 100, {connections} connection{(connections > 1 ? "s" : "")}";

    private static string Count(int count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A file of pages that begin anywhere except at the very end.</summary>
    private static string WritePaths(Workbench bench, string file, int count, Func<int, string> pathOf)
    {
        var random = new Random(1);
        var path = Path.Combine(bench.Root, file);
        File.WriteAllLines(path, Enumerable.Range(0, Pages).Select(_ => pathOf(random.Next(count - 100))));
        return path;
    }

    private static async Task MeasureReferrersAsync(Workbench bench, Server server)
    {
        var subject = Encoding.UTF8.GetBytes(Subject);
        var digest = Seed.DigestOf(subject);
        var count = bench.Options.Referrers;
        await bench.Load.MeasureAsync(
            server, "per_s", "fill", "-n", $"{count}", "-r", "referred", "--subject", digest, $"{subject.Length}");
        var path = WritePaths(bench, "paths", count + 100, i =>
            $"/v2/referred/referrers/{digest}?n=100&last={Seed.DigestOf(BitConverter.GetBytes(i))}");
        var work = $"referrers of a subject with {Count(count)}";
        foreach (var (pages, options) in new (string, string[])[]
        {
            ("random pages of 100", ["-f", path]),
            ("the first page as clients request it", [$"/v2/referred/referrers/{digest}"]),
        })
        {
            var taken = await bench.RoundsAsync([server], s => RequestAsync(bench, s, 1, options));
            bench.Report.Add($"{work}, {pages}: pages/s", taken, Cost.P99);
            var p99 = Spread.Of(taken[Peers.Berth], s => s.P99Milliseconds ?? 0);
            bench.Report.Add(new Goal($"{work}, {pages}", "p99", false, 10, "ms", p99));
        }
    }

    private static async Task MeasureStartAsync(Workbench bench)
    {
        var manifests = (2 * bench.Options.LargeStore) + bench.Options.Referrers;
        foreach (var (folder, what) in new[]
        {
            ("store-empty", "an empty store"),
            ("store-large", $"a store of {Count(manifests)} manifests"),
        })
        {
            var samples = new List<Sample>();
            for (var round = 0; round <= bench.Options.Rounds + 2; round++)
            {
                await using var server = await bench.Peers.StartAsync(Peers.Berth, folder: folder);
                if (round > 0) samples.Add(new Sample(server.ReadyAfter.TotalSeconds));
            }

            var work = $"ready after start on {what}";
            bench.Report.Add($"{work}: s", new Dictionary<string, List<Sample>> { [Peers.Berth] = samples });
            if (folder == "store-large")
            {
                var after = Spread.Of(samples, s => s.Value);
                bench.Report.Add(new Goal(work, "first answer after", false, 0.5, "s", after));
            }
        }
    }
}
