using Berth.Settings;

namespace Berth.Tests.Servers;

/// <summary>
/// An empty bucket or container of one test, in one of the tests' own stores. It is deleted with the object, with
/// everything in it.
/// </summary>
internal abstract class StoreBucket : IAsyncDisposable
{
    /// <summary>Its place in <c>storage</c>.</summary>
    public abstract string Kind { get; }

    public abstract string Name { get; }

    /// <summary>Where the store answers, without a path.</summary>
    public abstract Uri Address { get; }

    /// <summary>Berth's settings for it, by the names they have in the environment.</summary>
    public abstract IReadOnlyDictionary<string, string> Variables { get; }

    /// <summary>Berth's settings for it.</summary>
    /// <param name="storage">The others.</param>
    /// <param name="options">What tests vary.</param>
    public abstract StorageSettings In(StorageSettings storage, StoreOptions? options = null);

    /// <summary>Key and length in bytes of all that lies under a prefix.</summary>
    public abstract Task<IReadOnlyList<(string Key, long Bytes)>> ListAsync(string prefix);

    /// <summary>The names of multipart uploads that are neither completed nor aborted, and of their places.</summary>
    public abstract Task<IReadOnlyList<(string Key, string UploadId)>> UploadsAsync();

    public abstract Task<byte[]> GetAsync(string key);

    /// <summary>Writes an object, or deletes it where there is no content.</summary>
    public abstract Task PutAsync(string key, byte[]? content);

    public abstract ValueTask DisposeAsync();

    public async Task<IReadOnlyList<string>> KeysAsync() => [.. (await ListAsync("")).Select(o => o.Key)];

    /// <summary>The lengths in bytes of the objects whose keys begin with something.</summary>
    public async Task<IReadOnlyList<long>> LengthsAsync(string prefix) =>
        [.. (await ListAsync(prefix)).Select(o => o.Bytes)];
}

/// <summary>What tests vary about a store, whichever it is. Null: as it comes.</summary>
/// <param name="ChunkBytes">The size of the first parts.</param>
/// <param name="MemoryBytes">The memory for all parts.</param>
/// <param name="Timeout">How long the store may be silent.</param>
/// <param name="Proxy">A proxy before the store, without a path.</param>
/// <param name="RootDirectory">What every key begins with.</param>
internal sealed record StoreOptions(
    long? ChunkBytes = null, long? MemoryBytes = null, TimeSpan? Timeout = null, Uri? Proxy = null,
    string? RootDirectory = null);
