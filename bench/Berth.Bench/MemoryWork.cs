namespace Berth.Bench;

/// <summary>
/// Resident memory of a freshly started server, and the peak increase under each load. A fresh server for each load and
/// each round; the peers, which have no goal here, only once.
/// </summary>
internal static class MemoryWork
{
    private const int Uploads = 32;
    private const int Pulls = 64;
    private const long UploadBytes = 100L * 1024 * 1024;

    public static async Task RunAsync(Workbench bench)
    {
        var names = bench.Options.Quick ? [Peers.Berth] : bench.Peers.Names;
        var idle = names.ToDictionary(n => n, _ => new List<Sample>());
        var uploads = names.Where(n => n != Peers.Nginx).ToDictionary(n => n, _ => new List<Sample>());
        var pulls = names.ToDictionary(n => n, _ => new List<Sample>());
        var tlsPulls = new Dictionary<string, List<Sample>>();
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            foreach (var name in names.Where(n => round == 0 || n == Peers.Berth))
            {
                pulls[name].Add(await GrowthAsync(bench, name, name, idle[name], server => bench.Load.MeasureAsync(
                    server, "GBps", "pull", "-c", $"{Pulls}", bench.Seed.LargePath)));
                if (!uploads.TryGetValue(name, out var taken)) continue;
                var folder = $"memory-{name}";
                var slices = bench.File.Renew(bench.File.Slices(Uploads, UploadBytes));
                taken.Add(await GrowthAsync(bench, name, folder, idle[name], server => bench.Load.MeasureAsync(
                    server, "GBps", ["push", "-r", "bench/memory", "-f", bench.File.Path, .. slices])));
                Directory.Delete(Path.Combine(bench.Root, folder), recursive: true);
            }
        }

        if (bench.Load.TlsFault is null)
        {
            var tls = await Certificate.CreateAsync(bench.Root);
            foreach (var name in names)
            {
                var sample = await GrowthAsync(bench, name, name, [], server => bench.Load.PullTlsAsync(
                    server, "-c", $"{Pulls}", "-d", "5", bench.Seed.LargePath), tls);
                tlsPulls.Add(name, [sample]);
            }
        }

        bench.Report.Add("resident memory, idle: MiB", idle);
        bench.Report.Add($"peak increase during {Uploads} uploads of 100 MiB at once: MiB", uploads);
        bench.Report.Add($"peak increase during {Pulls} pulls of {bench.Size} at once: MiB", pulls);
        bench.Report.Add($"peak increase during {Pulls} pulls over HTTPS at once, for 5 s: MiB", tlsPulls);
        AddGoal(bench, "memory, idle", 120, "MiB", idle);
        AddGoal(bench, $"memory, {Uploads} uploads of 100 MiB at once", 128, "MiB more", uploads);
        AddGoal(bench, $"memory, {Pulls} pulls of {bench.Size} at once", 32, "MiB more", pulls);
    }

    private static void AddGoal(
        Workbench bench, string work, double limit, string unit, Dictionary<string, List<Sample>> samples) =>
        bench.Report.Add(new Goal(
            work, "resident", false, limit, unit, Spread.Of(samples[Peers.Berth], s => s.Value)));

    private static async Task<Sample> GrowthAsync(
        Workbench bench, string name, string folder, List<Sample> idle, Func<Server, Task<Sample>> load,
        Certificate? tls = null)
    {
        await using var server = await bench.Peers.StartAsync(name, tls, folder);
        await Task.Delay(TimeSpan.FromSeconds(1.5), bench.Stop);
        var before = ProcessFigures.ResidentMebibytes(server.ProcessId);
        idle.Add(new Sample(before));
        ProcessFigures.ForgetPeak(server.ProcessId);
        var sample = await load(server);
        return sample with { Value = ProcessFigures.PeakMebibytes(server.ProcessId) - before };
    }
}
