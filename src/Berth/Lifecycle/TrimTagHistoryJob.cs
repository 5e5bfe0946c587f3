using Berth.Jobs;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>Deletes old moves of tags, so that one which moves each minute does not fill the database.</summary>
internal sealed class TrimTagHistoryJob(Database database, TagHistorySettings settings, TimeProvider clock) : Job
{
    private const int TagsPerPage = 100;

    /// <summary>Few enough that other writes need not wait.</summary>
    private const int RowsPerWrite = 500;

    public override string Kind => "trim-tag-history";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromDays(1));

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var before = clock.GetUtcNow() - settings.Age;
        var (repository, tag) = (-1L, "");
        while (true)
        {
            var page = await database.ReadAsync(
                session => TagTable.WithMoreMovesAsync(session, settings.Moves, repository, tag, TagsPerPage),
                cancellation);
            foreach (var one in page)
            {
                while (await database.WriteAsync(
                    session => TagTable.TrimAsync(
                        session, one.RepositoryId, one.Name, settings.Moves, before, RowsPerWrite),
                    isDurable: false, cancellation) == RowsPerWrite)
                {
                    cancellation.ThrowIfCancellationRequested();
                }
            }

            if (page.Count < TagsPerPage) return;
            (repository, tag) = page[^1];
        }
    }
}
