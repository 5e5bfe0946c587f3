using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
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
            var next = await database.ReadAsync(
                session => LayerIndexTable.NextAsync(session, settings.Index != ContentsIndexing.Always), cancellation);
            if (next is null) return;
            await indexing.RunAsync(next.Digest, cancellation);
            await pace.RestAsync(cancellation);
        }
    }
}

/// <summary>Lists the files of one layer that somebody looks at.</summary>
internal sealed class IndexLayerJob(LayerIndexing indexing, ContentsSettings settings) : Job
{
    public const string Name = "index-layer";

    public override string Kind => Name;

    public override TimeSpan TimeLimit => settings.Time + TimeSpan.FromHours(1);

    public override Task RunAsync(string payload, CancellationToken cancellation) =>
        indexing.RunAsync(Digest.Parse(payload), cancellation);
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
            {
                await LayerIndexTable.WantAsync(session, digest, clock.GetUtcNow());
                await jobs.AddAsync(session, IndexLayerJob.Name, digest.Text);
            }

            return true;
        },
        isDurable: false, cancellation);
}
