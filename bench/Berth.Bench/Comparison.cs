using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Berth.Bench;

/// <summary>
/// Runs the same workloads against Berth and every peer found on this machine, alternating in one run, and compares the
/// results with the project's goals. Ratios between columns are meaningful; absolute figures depend on the machine.
/// Writes docs/performance.md.
/// </summary>
internal static class Comparison
{
    /// <summary>All workloads, in the order of the report.</summary>
    private static readonly (string Name, Func<Workbench, Task> RunAsync)[] Works =
    [
        ("pull", PullWork.RunAsync),
        ("https", TlsPullWork.RunAsync),
        ("range", RangeWork.RunAsync),
        ("push", PushWork.RunAsync),
        ("request", RequestWork.RunAsync),
        ("image", ImageWork.RunAsync),
        ("list", ListWork.RunAsync),
        ("memory", MemoryWork.RunAsync),
    ];

    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = Directory.CreateTempSubdirectory("berth-compare-").FullName;
        using var deadline = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        try
        {
            var options = BenchOptions.Parse(arguments);
            foreach (var name in options.Only.Except(Works.Select(w => w.Name)))
            {
                throw new ArgumentException($"{name} is no workload: {string.Join(", ", Works.Select(w => w.Name))}");
            }

            deadline.CancelAfter(options.Deadline);
            return await RunAsync(options, root, deadline.Token);
        }
        catch (ArgumentException fault)
        {
            await Console.Error.WriteLineAsync(fault.Message);
            return 2;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("aborted: by a signal, or because it took too long");
            return 3;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }

        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            deadline.Cancel();
        }
    }

    private static async Task<int> RunAsync(BenchOptions options, string root, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        RequireRoom(root, options);
        var load = await Load.BuildAsync(PerformancePage.FileOfProject("bench/load"), root, stop);
        var file = await PushFile.CreateAsync(Path.Combine(root, "random"), options.Mebibytes);
        var digest = file.Renew(file.Whole)[0].Split(':', 3)[2];
        var peers = new Peers(root, options.Program, stop);
        var bench = new Workbench(
            options, root, peers, load, file, Seed.Create(file, digest), new Report(peers.Names), stop);
        await using (var fleet = await peers.StartAllAsync())
        {
            foreach (var server in fleet) await bench.Seed.FillAsync(server, file);
        }

        foreach (var (name, work) in Works.Where(w => options.Only.Count == 0 || options.Only.Contains(w.Name)))
        {
            var began = Stopwatch.GetTimestamp();
            try
            {
                await work(bench);
                await Console.Error.WriteLineAsync($"{name}: {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s");
            }
            catch (Exception fault) when (fault is not OperationCanceledException || !stop.IsCancellationRequested)
            {
                bench.Report.Fail(name, fault);
            }
        }

        foreach (var name in peers.Absent) bench.Report.Note($"{name} is not installed here, so it is not compared.");
        bench.Report.Note("During the measurements, everything else on the machine, kernel threads included,"
            + $" used {bench.Load.OtherCores:0.00} cores.");
        bench.Report.Note($"The run took {Stopwatch.GetElapsedTime(started).TotalMinutes:0.0} minutes.");
        var text = await PerformancePage.DescribeRunAsync(bench) + bench.Report.ToMarkdown();
        Console.WriteLine(text);
        if (options.IsWritten) await PerformancePage.WriteAsync(PerformancePage.Comparison, text);
        return bench.Report.IsWhole ? 0 : 1;
    }

    /// <summary>Each server holds the large blob, and more while it is being pushed to.</summary>
    private static void RequireRoom(string root, BenchOptions options)
    {
        var needed = 20L * options.Mebibytes * 1024 * 1024;
        var free = new DriveInfo(root).AvailableFreeSpace;
        if (free < needed)
        {
            throw new ArgumentException(
                $"{root} has {free >> 30} GiB free, but this needs {needed >> 30} GiB; set TMPDIR to another folder");
        }
    }
}
