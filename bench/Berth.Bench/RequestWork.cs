namespace Berth.Bench;

/// <summary>Many small requests over 32 connections.</summary>
internal static class RequestWork
{
    public static async Task RunAsync(Workbench bench)
    {
        await using (var fleet = await bench.Peers.StartAllAsync()) await MeasureAsync(bench, fleet);
        await using var silent = await bench.Peers.StartAsync(
            Peers.Berth, environment: ("REGISTRY_LOG_ACCESSLOG_DISABLED", "true"));
        var unlogged = await bench.RoundsAsync([silent], server => RequestsAsync(bench, server, [bench.Seed.TagPath]));
        bench.Report.Add("GET manifest by tag without Berth's access log: requests/s", unlogged, Cost.P99);
    }

    private static async Task MeasureAsync(Workbench bench, Fleet fleet)
    {
        var seed = bench.Seed;
        foreach (var (name, options) in new (string, string[])[]
        {
            ("GET manifest by tag", [seed.TagPath]),
            ("HEAD manifest by tag", ["-m", "HEAD", seed.TagPath]),
            ("GET manifest by digest", [seed.ManifestPath]),
            ("HEAD manifest by digest", ["-m", "HEAD", seed.ManifestPath]),
            ("HEAD blob", ["-m", "HEAD", seed.SmallPath]),
            ("GET 10 KB blob", [seed.SmallPath]),
            ("GET /v2/", ["/v2/"]),
        })
        {
            var work = $"{name}, 32 connections";
            var taken = await bench.RoundsAsync(fleet, server => RequestsAsync(bench, server, options));
            bench.Report.Add($"{work}: requests/s", taken, Cost.P99);
            if (name == "GET /v2/") continue;
            bench.Report.AddRatio(work, "requests/s", true, 0.7, taken, Peers.Nginx, s => s.Value);
            bench.Report.AddRatio(work, "p99", false, 1, taken, Peers.Nginx, s => s.P99Milliseconds ?? 0);
        }
    }

    private static Task<Sample> RequestsAsync(Workbench bench, Server server, string[] options) =>
        bench.Load.MeasureAsync(
            server, "rps", ["req", "-c", "32", "-d", bench.Options.RequestSeconds, "-H", Seed.Accept, .. options]);
}

/// <summary>Images with three layers of 10 KB, a config and a manifest, pushed as clients do.</summary>
internal static class ImageWork
{
    private static int pushes;

    public static async Task RunAsync(Workbench bench)
    {
        await using var fleet = await bench.Peers.StartAllAsync();
        foreach (var (clients, goal) in new[] { (1, 4.0), (8, 5.0) })
        {
            var work = $"small images, {clients} client{(clients > 1 ? "s" : "")}";
            var taken = await bench.RoundsAsync(fleet.Registries, server => bench.Load.MeasureAsync(
                server, "images_per_s", "images", "-n", $"{bench.Options.Images}", "-c", $"{clients}",
                "-r", $"small{pushes++}"));
            bench.Report.Add($"{work}: images/s", taken, Cost.P99);
            bench.Report.AddRatio(work, "images/s", true, goal, taken, Peers.Distribution, s => s.Value);
        }
    }
}
