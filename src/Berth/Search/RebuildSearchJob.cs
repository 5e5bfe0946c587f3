using Berth.Jobs;
using Berth.Metadata;

namespace Berth.Search;

/// <summary>
/// Compares the index of searches with what is stored, and mends it: at the first start of this version, once a day
/// for what older versions may have written beside it, and on demand. A run that was interrupted goes on where it was.
/// </summary>
internal sealed class RebuildSearchJob(Database database, SearchMending mending, TimeProvider clock) : Job
{
    public const string Name = "rebuild-search";

    /// <summary>Who is said to have asked for a pass that nobody asked for.</summary>
    private const string Itself = "berth";

    private const int RepositoriesPerPage = 100;

    private static readonly TimeSpan BetweenPasses = TimeSpan.FromDays(1);

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        // Usually none: there is a job for that, which may have failed.
        await mending.MendPendingAsync(cancellation);
        while (await FindWorkAsync(cancellation) is { } row)
        {
            row = row with { StartedAt = row.StartedAt ?? clock.GetUtcNow() };
            while (await database.ReadAsync(
                session => SearchRebuildTable.RepositoriesAsync(session, row.Position, RepositoriesPerPage),
                cancellation) is { Count: > 0 } page)
            {
                row = row with
                {
                    Position = page[^1].Name,
                    Repositories = row.Repositories + page.Count,
                    Tags = row.Tags + await mending.MendAllAsync(page, cancellation),
                };
                await SaveAsync(row, cancellation);
            }

            await SaveAsync(row with { EndedAt = clock.GetUtcNow() }, cancellation);
        }
    }

    /// <summary>A pass that was asked for or interrupted, or one that is due; null if there is nothing to do.</summary>
    private async Task<SearchRebuildRow?> FindWorkAsync(CancellationToken cancellation)
    {
        var (open, last) = await database.ReadAsync(
            async session => (
                await SearchRebuildTable.FindOpenAsync(session),
                (await SearchRebuildTable.ListAsync(session, long.MaxValue, 1)).FirstOrDefault()),
            cancellation);
        var now = clock.GetUtcNow();
        if (open is not null || (last is not null && now - last.RequestedAt < BetweenPasses)) return open;
        return await database.WriteAsync(
            session => SearchRebuildTable.AddAsync(session, Itself, now), isDurable: false, cancellation);
    }

    private async Task SaveAsync(SearchRebuildRow row, CancellationToken cancellation) => await database.WriteAsync(
        async session =>
        {
            await SearchRebuildTable.UpdateAsync(session, row);
            return true;
        },
        isDurable: false, cancellation);
}
