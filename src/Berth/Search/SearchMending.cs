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

    /// <summary>Tags and images of several repositories: tenths of a second.</summary>
    private const int RowsPerBatch = 1500;

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

    /// <summary>
    /// Compares some repositories with the index in reads. What only lacks words, and not many, gets them with others
    /// in one write: each write of the index touches a page for nearly every word, and neighbours share theirs.
    /// </summary>
    /// <returns>How many tags were missing.</returns>
    public async Task<long> MendAllAsync(IReadOnlyList<IndexedRepository> page, CancellationToken cancellation)
    {
        var compared = await database.ReadAsync(
            async session =>
            {
                var all = new List<SearchComparison>(page.Count);
                foreach (var one in page) all.Add(await SearchComparison.OfAsync(session, one, RowsPerRead));
                return all;
            },
            cancellation);
        var (tags, some, rows) = (0L, new List<SearchComparison>(), 0);
        foreach (var one in compared.Where(one => one.HasGaps))
        {
            if (rows > RowsPerBatch)
            {
                await AddAsync(some, cancellation);
                (some, rows) = ([], 0);
            }

            some.Add(one);
            rows += one.Tags.Count + one.Images.Count;
            tags += one.Tags.Count;
        }

        if (some.Count > 0) await AddAsync(some, cancellation);
        foreach (var one in compared.Where(one => one.MustMend))
            tags += await MendAsync(one.Repository, cancellation);
        return tags;
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

    /// <summary>In the order in which pushes and the counts of pulls lock rows, so that none waits for another that
    /// waits for it.</summary>
    private async Task AddAsync(IReadOnlyList<SearchComparison> all, CancellationToken cancellation) =>
        await database.WriteAsync(
            async session =>
            {
                foreach (var one in all)
                    await session.LockAsync(RepositoryName.Parse(one.Repository.Name), isShared: true);
                foreach (var one in all.Where(one => one.Images.Count > 0))
                    await SearchWordTable.IndexImagesAsync(session, one.Repository.Id, one.Images);
                foreach (var one in all.Where(one => one.Tags.Count > 0))
                {
                    var there = await TagTable.FindAllAsync(session, one.Repository.Id, one.Tags);
                    await SearchWordTable.AddTagsAsync(session, one.Repository.Id, there.Select(tag => tag.Name));
                }

                foreach (var one in all.Where(one => one.LacksName))
                    await SearchWordTable.IndexNameAsync(session, one.Repository.Id);
                return true;
            },
            isDurable: false, cancellation);

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
