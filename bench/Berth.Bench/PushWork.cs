namespace Berth.Bench;

/// <summary>Uploads of large blobs, one at a time and four at once. After each push the disk is synced.</summary>
internal static class PushWork
{
    private const int AtOnce = 4;
    private const long LargeFileBytes = 8 * 1024 * 1024;

    public static async Task RunAsync(Workbench bench)
    {
        await using var fleet = await bench.Peers.StartAllAsync();
        var kept = fleet.SelectMany(s => LargeFiles(s.Folder)).ToHashSet();
        foreach (var (name, options) in new (string, string[])[] { ("one PUT", []), ("streamed PATCH", ["--stream"]) })
        {
            var work = $"push {bench.Size}, {name}";
            var taken = await bench.RoundsAsync(
                fleet.Registries, server => PushAsync(bench, server, kept, [bench.File.Whole], options));
            bench.Report.Add($"{work}: GB/s", taken, Cost.CpuPerGibibyte, bench.Gibibytes);
            bench.Report.AddRatio(work, "throughput", true, 2.5, taken, Peers.Distribution, s => s.Value);
            bench.Report.AddRatio(
                work, "server CPU per GiB", false, 0.45, taken, Peers.Distribution, s => s.CpuSeconds);
        }

        await PushFourAsync(bench, fleet[0], kept);
    }

    /// <summary>The same bytes in one push, in four at once, and written without a server.</summary>
    private static async Task PushFourAsync(Workbench bench, Server berth, HashSet<string> kept)
    {
        var quarters = bench.File.Slices(AtOnce, bench.File.Length / AtOnce);
        var lengths = quarters.Select(q => $"{q.Offset}:{q.Length}").ToArray();
        var (one, plain, synced) = (new List<Sample>(), new List<Sample>(), new List<Sample>());
        var four = (await bench.RoundsAsync([berth], async server =>
        {
            one.Add(await PushAsync(bench, server, kept, [bench.File.Whole], []));
            plain.Add(await WriteAsync(bench, fsync: false, lengths));
            synced.Add(await WriteAsync(bench, fsync: true, lengths));
            return await PushAsync(bench, server, kept, quarters, []);
        }))[Peers.Berth];
        var work = $"push {AtOnce} × {bench.Options.Mebibytes / AtOnce} MiB at once";
        foreach (var (row, samples) in new[]
        {
            (work, four),
            ("the same bytes in one push", one[1..]),
            ($"the same bytes written to {AtOnce} files without a server", plain[1..]),
            ("the same, each file synced", synced[1..]),
        })
        {
            var taken = new Dictionary<string, List<Sample>> { [Peers.Berth] = samples };
            bench.Report.Add($"{row}: GB/s", taken, Cost.BusyCores, bench.Gibibytes);
        }

        // Either of two goals counts: the disk's if its limit is reached, otherwise the other.
        var toOne = Spread.OfRatios(four, one[1..], s => s.Value);
        var toDisk = Spread.OfRatios(four, synced[1..], s => s.Value);
        bench.Report.Add(toOne.Median >= 1.5 || toDisk.Median < 0.95
            ? new Goal(work, "throughput", true, 1.5, "× one push", toOne)
            : new Goal(work, "throughput", true, 0.95, "× the disk", toDisk));
        var cores = Environment.ProcessorCount;
        bench.Report.Add(new Goal(
            work, "machine", true, 0.85 * cores, $"of {cores} cores busy", Spread.Of(four, s => s.BusyCores)));
    }

    private static async Task<Sample> WriteAsync(Workbench bench, bool fsync, string[] slices)
    {
        var target = Directory.CreateDirectory(Path.Combine(bench.Root, Peers.Berth + "-plain")).FullName;
        var sample = await bench.Load.WriteFilesAsync(target, bench.File.Path, fsync, slices);
        await bench.Load.RunAsync("sync", "-f", bench.Root);
        return sample;
    }

    private static async Task<Sample> PushAsync(
        Workbench bench, Server server, HashSet<string> kept, Slice[] slices, string[] options)
    {
        var digests = bench.File.Renew(slices);
        await bench.Load.RunAsync("sync", "-f", bench.Root);
        var sample = await bench.Load.MeasureAsync(
            server, "GBps", ["push", "-r", "bench/push", "-f", bench.File.Path, .. options, .. digests]);

        // What was pushed is deleted once it is on disk, so that many rounds need no more space than one.
        await bench.Load.RunAsync("sync", "-f", bench.Root);
        await Task.Delay(500, bench.Stop);
        foreach (var path in LargeFiles(server.Folder).Except(kept)) File.Delete(path);
        return sample;
    }

    /// <summary>Blobs, wherever a server keeps them; not the files of a database.</summary>
    private static IEnumerable<string> LargeFiles(string folder) =>
        from file in new DirectoryInfo(folder).GetFiles("*", SearchOption.AllDirectories)
        where file is { Exists: true, Length: >= LargeFileBytes }
            && !file.Name.Contains(".db", StringComparison.Ordinal)
        select file.FullName;
}
