namespace Berth.Bench;

/// <summary>What every workload of the comparison uses.</summary>
internal sealed record Workbench(
    BenchOptions Options, string Root, Peers Peers, Load Load, PushFile File, Seed Seed, Report Report,
    CancellationToken Stop)
{
    public double Gibibytes => Options.Mebibytes / 1024.0;

    /// <summary>The size of the large blob.</summary>
    public string Size => Gibibytes % 1 == 0 ? $"{Gibibytes} GiB" : $"{Options.Mebibytes} MiB";

    /// <summary>
    /// Runs the same workload on one server after the other, round by round. The first round is a warm-up.
    /// </summary>
    public async Task<Dictionary<string, List<Sample>>> RoundsAsync(
        IEnumerable<Server> servers, Func<Server, Task<Sample>> measure)
    {
        var taken = servers.ToDictionary(s => s, _ => new List<Sample>());
        for (var round = 0; round <= Options.Rounds; round++)
        {
            foreach (var (server, samples) in taken)
            {
                await Task.Delay(200, Stop);
                var sample = await measure(server);
                if (round > 0) samples.Add(sample);
            }
        }

        return taken.ToDictionary(t => t.Key.Name, t => t.Value);
    }
}
