using Berth.Metadata;
using Berth.Oci;

namespace Berth.Search;

/// <summary>
/// Makes the words of a repository what they should be: finds what is wrong in reads, page by page, and writes only
/// that, in transactions that others wait for only shortly.
/// </summary>
internal sealed class SearchMending(Database database)
{
    private const int RowsPerRead = 1000;
    private const int RowsPerWrite = 200;

    /// <summary>The manifests of each are read.</summary>
    private const int ImagesPerWrite = 50;

    /// <summary>Mends what has been noted, each repository once.</summary>
    public async Task MendPendingAsync(CancellationToken cancellation)
    {
        for (var last = 0L; ;)
        {
            var one = await database.ReadAsync(session => SearchPendingTable.NextAsync(session, last), cancellation);
            if (one is null) return;
            await MendAsync(new IndexedRepository(one.RepositoryId, one.Name), cancellation);
            await database.WriteAsync(
                session => SearchPendingTable.RemoveAsync(session, one), isDurable: false, cancellation);
            last = one.RepositoryId;
        }
    }

    /// <returns>How many tags were missing.</returns>
    public async Task<long> MendAsync(IndexedRepository repository, CancellationToken cancellation)
    {
        // Pushes that began before a repository was hidden write words that are not: when this lock is given, they
        // have ended.
        await WriteAsync(
            repository, isShared: false, session => SearchWordTable.IndexNameAsync(session, repository.Id),
            cancellation);
        await MendWordsAsync(repository, cancellation);
        var tags = await AddTagsAsync(repository, cancellation);
        await AddImagesAsync(repository, cancellation);
        return tags;
    }

    private async Task MendWordsAsync(IndexedRepository repository, CancellationToken cancellation)
    {
        IndexedWord? last = null;
        for (var count = RowsPerRead; count == RowsPerRead;)
        {
            var page = await database.ReadAsync(
                session => SearchRebuildTable.WordsAsync(session, repository.Id, last, RowsPerRead), cancellation);
            foreach (var some in page.Where(one => one.IsStale || one.IsElsewhere).Chunk(RowsPerWrite))
            {
                // A push that is under way may count on words that are of nothing yet.
                await WriteAsync(
                    repository, isShared: false,
                    async session =>
                    {
                        await SearchWordTable.RemoveStaleAsync(session, repository.Id, some.Where(one => one.IsStale));
                        await SearchWordTable.CorrectAsync(session, repository.Id, some.Where(one => one.IsElsewhere));
                    },
                    cancellation);
            }

            count = page.Count;
            last = page.LastOrDefault();
        }
    }

    private async Task<long> AddTagsAsync(IndexedRepository repository, CancellationToken cancellation)
    {
        var (last, added) = ("", 0L);
        for (var count = RowsPerRead; count == RowsPerRead;)
        {
            var page = await database.ReadAsync(
                session => SearchRebuildTable.TagsAsync(session, repository.Id, last, RowsPerRead), cancellation);
            foreach (var some in page.Where(one => one.IsMissing).Select(one => one.Name).Chunk(RowsPerWrite))
            {
                await WriteAsync(
                    repository, isShared: true,
                    async session =>
                    {
                        var there = await TagTable.FindAllAsync(session, repository.Id, some);
                        await SearchWordTable.AddTagsAsync(session, repository.Id, there.Select(tag => tag.Name));
                    },
                    cancellation);
                added += some.Length;
            }

            count = page.Count;
            if (count > 0) last = page[^1].Name;
        }

        return added;
    }

    private async Task AddImagesAsync(IndexedRepository repository, CancellationToken cancellation)
    {
        var last = "";
        for (var count = RowsPerRead; count == RowsPerRead;)
        {
            var page = await database.ReadAsync(
                session => SearchRebuildTable.ImagesAsync(session, repository.Id, last, RowsPerRead), cancellation);
            var missing = page.Where(one => one.IsMissing).DistinctBy(one => one.Set ?? one.Digest);
            foreach (var some in missing.Select(one => one.Digest).Chunk(ImagesPerWrite))
            {
                await WriteAsync(
                    repository, isShared: true,
                    session => SearchWordTable.IndexImagesAsync(session, repository.Id, some), cancellation);
            }

            count = page.Count;
            if (count > 0) last = page[^1].Digest;
        }
    }

    private async Task WriteAsync(
        IndexedRepository repository, bool isShared, Func<Session, ValueTask> write, CancellationToken cancellation) =>
        await database.WriteAsync(
            async session =>
            {
                await session.LockAsync(RepositoryName.Parse(repository.Name), isShared);
                await write(session);
                return true;
            },
            isDurable: false, cancellation);
}
