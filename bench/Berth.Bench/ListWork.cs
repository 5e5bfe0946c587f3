using System.Globalization;
using System.Text;

namespace Berth.Bench;

/// <summary>
/// Pages of 100 from random places of long lists, in a small and a large store, and the start on the large one. Berth
/// alone: the peers take minutes to be filled, and some pages of theirs take seconds.
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
            await MeasureListAsync(bench, small, large, "_catalog", i => $"/v2/_catalog?n=100&last=repository/r{i:000000}");
            await MeasureReferrersAsync(bench, large);
        }

        await MeasureStartAsync(bench);
    }

    private static async Task FillAsync(Workbench bench, Server server, int count)
    {
        await bench.Load.MeasureAsync(server, "per_s", "fill", "-n", $"{count}", "-r", "tags", "-t", "v");
        await bench.Load.MeasureAsync(server, "per_s", "fill", "-n", $"{count}", "-r", "repository/r", "--repos");
    }

    private static async Task MeasureListAsync(
        Workbench bench, Server small, Server large, string list, Func<int, string> pathOf)
    {
        foreach (var connections in new[] { 1, 4 })
        {
            var p99 = new Dictionary<int, List<double>>();
            foreach (var (server, count) in new[] { (small, Small), (large, bench.Options.LargeStore) })
            {
                var paths = RandomPaths(bench, count, pathOf);
                var taken = await bench.RoundsAsync([server], s => bench.Load.MeasureAsync(
                    s, "rps", "req", "-c", $"{connections}", "-d", $"{bench.Options.RequestSeconds}", "-f", paths));
                var work = Work(list, count, connections);
                bench.Report.Add($"{work}: pages/s", taken, Cost.P99);
                var spread = Spread.Of(taken[Peers.Berth], s => s.P99Milliseconds ?? 0);
                bench.Report.Add(new Goal(work, "p99", false, 5, "ms", spread));
                p99[count] = [.. spread.Values];
            }

            var ratio = new Spread([.. p99[bench.Options.LargeStore].Zip(p99[Small], (l, s) => l / s)]);
            bench.Report.Add(new Goal(
                Work(list, bench.Options.LargeStore, connections), "p99", false, 1.5, $"× that of {Small:N0}", ratio));
        }
    }

    private static string Work(string list, int count, int connections) =>
        $"{list} of {count.ToString("N0", CultureInfo.InvariantCulture)}, random pages of 100,"
        + $" {connections} connection{(connections > 1 ? "s" : "")}";

    private static string RandomPaths(Workbench bench, int count, Func<int, string> pathOf)
    {
        var random = new Random(1);
        var path = Path.Combine(bench.Root, "paths");
        var last = Math.Max(1, count - 100);
        File.WriteAllLines(path, Enumerable.Range(0, Pages).Select(_ => pathOf(random.Next(last))));
        return path;
    }

    private static async Task MeasureReferrersAsync(Workbench bench, Server server)
    {
        var subject = Encoding.UTF8.GetBytes(Subject);
        var digest = Seed.DigestOf(subject);
        var count = bench.Options.Referrers;
        await bench.Load.MeasureAsync(
            server, "per_s", "fill", "-n", $"{count}", "-r", "referred", "--subject", digest, $"{subject.Length}");
        var random = new Random(1);
        var path = Path.Combine(bench.Root, "paths");
        await File.WriteAllLinesAsync(path, Enumerable.Range(0, Pages).Select(_ =>
            $"/v2/referred/referrers/{digest}?n=100&last=sha256:{Convert.ToHexStringLower(RandomBytes(random))}"), bench.Stop);
        var work = $"referrers of a subject with {count.ToString("N0", CultureInfo.InvariantCulture)}";
        foreach (var (pages, options) in new (string, string[])[]
        {
            ("random pages of 100", ["-f", path]),
            ("the first page as clients ask for it", [$"/v2/referred/referrers/{digest}"]),
        })
        {
            var taken = await bench.RoundsAsync([server], s => bench.Load.MeasureAsync(
                s, "rps", ["req", "-c", "1", "-d", $"{bench.Options.RequestSeconds}", .. options]));
            bench.Report.Add($"{work}, {pages}: pages/s", taken, Cost.P99);
            bench.Report.Add(new Goal(
                $"{work}, {pages}", "p99", false, 10, "ms", Spread.Of(taken[Peers.Berth], s => s.P99Milliseconds ?? 0)));
        }
    }

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[32];
        random.NextBytes(bytes);
        return bytes;
    }

    private static async Task MeasureStartAsync(Workbench bench)
    {
        var manifests = (2 * bench.Options.LargeStore) + bench.Options.Referrers;
        foreach (var (folder, what) in new[]
        {
            ("store-empty", "an empty store"),
            ("store-large", $"a store of {manifests.ToString("N0", CultureInfo.InvariantCulture)} manifests"),
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
                bench.Report.Add(new Goal(work, "first answer after", false, 0.5, "s", Spread.Of(samples, s => s.Value)));
            }
        }
    }
}
