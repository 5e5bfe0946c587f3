using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>
/// Compares the index of searches with what is stored, and mends it: at the first start of this version, once a day
/// for what older versions may have written beside it, and on demand. Each repository is looked at in short
/// transactions beside pushes, and a run that was interrupted goes on where it was.
/// </summary>
internal sealed class RebuildSearchJob(Database database, TimeProvider clock) : Job
{
    public const string Name = "rebuild-search";

    /// <summary>Who is said to have asked for a pass that nobody asked for.</summary>
    private const string Itself = "berth";

    private const int RepositoriesPerPage = 200;

    /// <summary>In one transaction, which others wait for on SQLite.</summary>
    private const int TagsPerWrite = 200;
    private const int ImagesPerWrite = 50;

    private static readonly TimeSpan BetweenPasses = TimeSpan.FromDays(1);

    public override string Kind => Name;

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => TimeSpan.FromHours(24);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        while (await FindWorkAsync(cancellation) is { } row)
        {
            row = row with { StartedAt = row.StartedAt ?? clock.GetUtcNow() };
            while (await database.ReadAsync(
                session => SearchRebuildTable.RepositoriesAsync(session, row.Position, RepositoriesPerPage),
                cancellation) is { Count: > 0 } page)
            {
                foreach (var repository in page)
                {
                    row = row with { Tags = row.Tags + await MendAsync(repository, cancellation) };
                }

                row = row with { Position = page[^1].Id, Repositories = row.Repositories + page.Count };
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

    /// <returns>How many tags were missing.</returns>
    private async Task<long> MendAsync(IndexedRepository repository, CancellationToken cancellation)
    {
        var name = RepositoryName.Parse(repository.Name);
        for (var (tags, isFirst) = (0L, true); ; isFirst = false)
        {
            var (added, isDone) = await database.WriteAsync(
                async session =>
                {
                    // Nothing is removed meanwhile, and pushes go on.
                    await session.LockAsync(name, isShared: true);
                    if (isFirst)
                    {
                        await SearchWordTable.IndexNameAsync(session, repository.Id);
                        await SearchRebuildTable.RemoveStaleAsync(session, repository.Id);
                    }

                    var missing = await SearchRebuildTable.MissingTagsAsync(session, repository.Id, TagsPerWrite);
                    await SearchWordTable.AddTagsAsync(session, repository.Id, missing);
                    var images = await SearchRebuildTable.MissingImagesAsync(session, repository.Id, ImagesPerWrite);
                    await SearchWordTable.IndexImagesAsync(session, repository.Id, images);
                    return (missing.Count, missing.Count < TagsPerWrite && images.Count < ImagesPerWrite);
                },
                isDurable: false, cancellation);
            tags += added;
            if (isDone) return tags;
        }
    }

    private async Task SaveAsync(SearchRebuildRow row, CancellationToken cancellation) => await database.WriteAsync(
        async session =>
        {
            await SearchRebuildTable.UpdateAsync(session, row);
            return true;
        },
        isDurable: false, cancellation);
}
