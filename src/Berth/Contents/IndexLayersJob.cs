using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Settings;

namespace Berth.Contents;

/// <summary>Lists the files of layers that wait, one after another, and rests as long as it works.</summary>
internal sealed class IndexLayersJob(
    Database database, LayerIndexing indexing, ContentsSettings settings, TimeProvider clock) : Job
{
    private const double Share = 0.5;

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(5);

    public override string Kind => "index-layers";

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => LongestTurn + settings.Time + TimeSpan.FromHours(1);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var pace = new Pace(Share, clock);
        while (clock.GetElapsedTime(began) < LongestTurn)
        {
            var next = await database.ReadAsync(NextAsync, cancellation);
            if (next is null) return;
            await indexing.RunAsync(next.Digest, cancellation);
            await pace.RestAsync(cancellation);
        }
    }

    /// <summary>What is wanted comes late: another job reads that, unless it has failed too often. Packages that were
    /// read by an earlier version come last.</summary>
    private async ValueTask<LayerIndexRow?> NextAsync(Session session) =>
        (settings.Index == ContentsIndexing.Always ? await LayerIndexTable.NextAsync(session) : null)
            ?? await LayerIndexTable.NextWantedAsync(session)
            ?? await LayerIndexTable.NextOldPackagesAsync(session, PackageList.Form);
}

/// <summary>
/// Lists the files of layers that somebody looks at, one after another. However many are asked for, that takes one of a
/// node's places for jobs: others wait for theirs, too.
/// </summary>
internal sealed class IndexLayerJob(
    Database database, JobTable jobs, LayerIndexing indexing, ContentsSettings settings, TimeProvider clock) : Job
{
    public const string Name = "index-layer";

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(1);

    /// <summary>How many runs began since there was nothing to do; the first of them does the work.</summary>
    private int asked;

    public override string Kind => Name;

    public override TimeSpan TimeLimit => settings.Time + TimeSpan.FromHours(1);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref asked) > 1) return;
        try
        {
            var began = clock.GetTimestamp();
            int seen;
            do
            {
                seen = Volatile.Read(ref asked);
                while (await database.ReadAsync(LayerIndexTable.NextWantedAsync, cancellation) is { } next)
                {
                    if (clock.GetElapsedTime(began) > LongestTurn)
                    {
                        await AddNextTurnAsync(cancellation);
                        Volatile.Write(ref asked, 0);
                        return;
                    }

                    await indexing.RunAsync(next.Digest, cancellation);
                }
            }
            while (Interlocked.CompareExchange(ref asked, 0, seen) != seen);
        }
        catch
        {
            Volatile.Write(ref asked, 0);
            throw;
        }
    }

    private Task<bool> AddNextTurnAsync(CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            await jobs.AddUnlessWaitingAsync(session, Name);
            return true;
        },
        isDurable: false, cancellation);
}

/// <summary>Asks for the lists of layers that somebody looks at.</summary>
internal sealed class LayerRequests(
    Database database, JobTable jobs, ContentsSettings settings, StorageSettings storage, TimeProvider clock)
{
    /// <summary>Whether lists are made at all.</summary>
    public bool AreTaken => settings.Index != ContentsIndexing.Never && !storage.Maintenance.ReadOnly.Enabled;

    public Task AddAsync(IReadOnlyList<Digest> layers, CancellationToken cancellation) => database.WriteAsync(
        async session =>
        {
            foreach (var digest in layers.OrderBy(digest => digest.Text, StringComparer.Ordinal))
                await LayerIndexTable.WantAsync(session, digest, clock.GetUtcNow());
            await jobs.AddUnlessWaitingAsync(session, IndexLayerJob.Name);
            return true;
        },
        isDurable: false, cancellation);
}
