using Berth.Metadata;

namespace Berth.Api;

/// <summary>Where the space of the registry is.</summary>
internal sealed record StorageView(
    long Bytes, IReadOnlyList<KeptBytes> Namespaces, IReadOnlyList<KeptBytes> Repositories)
{
    public long TrashEntries { get; init; }

    public long TrashBytes { get; init; }

    public long WaitingBlobs { get; init; }

    public long WaitingBytes { get; init; }
}

/// <summary><c>/usage/largest</c>: what keeps most, from what is counted already.</summary>
internal sealed class StorageEndpoints(Database database)
{
    public async Task<ApiAnswer<StorageView>> GetAsync(HttpContext http)
    {
        var count = http.Page().Count;
        return await database.ReadAsync(
            async session =>
            {
                var waiting = await GarbageBacklog.ReadAsync(session);
                return new StorageView(
                    await StorageTable.SumAsync(session), await StorageTable.NamespacesAsync(session, count),
                    await StorageTable.RepositoriesAsync(session, count))
                {
                    TrashEntries = waiting.TrashEntries,
                    TrashBytes = waiting.Trashed.Bytes,
                    WaitingBlobs = waiting.Links.Count + waiting.Blobs.Count,
                    WaitingBytes = waiting.Links.Bytes + waiting.Blobs.Bytes,
                };
            },
            http.RequestAborted);
    }
}
