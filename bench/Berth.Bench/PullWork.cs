namespace Berth.Bench;

/// <summary>Large blobs over plain HTTP/1.1. The client discards the data in the kernel.</summary>
internal static class PullWork
{
    public static async Task RunAsync(Workbench bench)
    {
        await using var fleet = await bench.Peers.StartAllAsync();
        foreach (var connections in new[] { 1, 4 })
        {
            // CPU time is counted in hundredths of a second, so a sample on one connection moves as much as on four.
            var times = 4 / connections;
            var work = $"pull {bench.Size}, {connections} at once";
            var taken = await bench.RoundsAsync(fleet, server => bench.Load.MeasureAsync(
                server, "GBps", "pull", "-c", $"{connections}", "-n", $"{times}", bench.Seed.LargePath));
            bench.Report.Add($"{work}: GB/s", taken, Cost.CpuPerGibibyte, bench.Gibibytes * connections * times);
            bench.Report.AddRatio(work, "throughput", true, 0.95, taken, Peers.Nginx, s => s.Value);
            bench.Report.AddRatio(work, "server CPU per GiB", false, 1.2, taken, Peers.Nginx, s => s.CpuSeconds);
        }
    }
}

/// <summary>Large blobs over HTTP/1.1 and TLS 1.3, with one certificate and one cipher suite for all.</summary>
internal static class TlsPullWork
{
    private const string Suite = "TLS_AES_128_GCM_SHA256";

    public static async Task RunAsync(Workbench bench)
    {
        if (bench.Load.TlsFault is { } fault)
        {
            bench.Report.Note(fault);
            bench.Report.Add(new Goal("pull over HTTPS", "server CPU per GiB", false, 1.3, "× nginx", null));
            return;
        }

        await using var fleet = await bench.Peers.StartAllAsync(await Certificate.CreateAsync(bench.Root));
        foreach (var server in fleet)
        {
            await bench.Load.PullTlsAsync(
                server, "-s", Suite, "--verify", bench.Seed.LargeDigest, bench.Seed.LargePath);
        }

        foreach (var connections in new[] { 1, 4 })
        {
            var work = $"pull {bench.Size} over HTTPS, {connections} at once";
            var taken = await bench.RoundsAsync(fleet, server => bench.Load.PullTlsAsync(
                server, "-s", Suite, "-c", $"{connections}", bench.Seed.LargePath));
            bench.Report.Add($"{work}: GB/s", taken, Cost.CpuPerGibibyte, bench.Gibibytes * connections);
            bench.Report.AddRatio(work, "server CPU per GiB", false, 1.3, taken, Peers.Nginx, s => s.CpuSeconds);
        }

        bench.Report.Note($"HTTPS is HTTP/1.1 with TLS 1.3 and {Suite}, with one P-256 certificate. Each server's"
            + " response is first decrypted and its digest checked; in the measured pulls the client decrypts only the"
            + " head and discards the rest, so that it is not the bottleneck.");
    }
}

/// <summary>A large blob in ranges, over persistent connections, and the whole of it in the same round.</summary>
internal static class RangeWork
{
    public static async Task RunAsync(Workbench bench)
    {
        await using var fleet = await bench.Peers.StartAllAsync();
        foreach (var connections in new[] { 1, 4 })
        {
            foreach (var mebibytes in new[] { 16, 1 })
            {
                var work = $"{bench.Size} in ranges of {mebibytes} MiB, {connections} at once";
                var beside = fleet.ToDictionary(s => s.Name, _ => new List<Sample>());
                var taken = await bench.RoundsAsync(fleet, async server =>
                {
                    beside[server.Name].Add(await PullAsync(bench, server, connections));
                    return await RangesAsync(bench, server, connections, mebibytes);
                });
                bench.Report.Add($"{work}: GB/s", taken, Cost.CpuPerGibibyte, bench.Gibibytes);
                var shares = taken.ToDictionary(
                    t => t.Key, t => Spread.OfRatios(t.Value, beside[t.Key][1..], s => s.Value));
                bench.Report.Add(
                    $"{work}: relative to its own whole pulls",
                    shares.ToDictionary(s => s.Key, s => s.Value.Values.Select(v => new Sample(v)).ToList()));
                bench.Report.Add(new Goal(work, "throughput", true, 0.95, "× whole pulls", shares[Peers.Berth]));
                bench.Report.AddRatio(work, "throughput", true, 0.95, taken, Peers.Nginx, s => s.Value);
            }
        }
    }

    private static Task<Sample> PullAsync(Workbench bench, Server server, int connections) =>
        bench.Load.MeasureAsync(server, "GBps", "pull", "-c", $"{connections}", bench.Seed.LargePath);

    private static Task<Sample> RangesAsync(Workbench bench, Server server, int connections, int mebibytes) =>
        bench.Load.MeasureAsync(
            server, "GBps", "ranges", "-c", $"{connections}", "-s", $"{mebibytes << 20}",
            "-t", $"{bench.Seed.LargeBytes}", bench.Seed.LargePath);
}
