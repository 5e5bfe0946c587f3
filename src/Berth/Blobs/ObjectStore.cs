namespace Berth.Blobs;

/// <summary>An object's metadata.</summary>
internal sealed record StoredObject(string Key, long SizeBytes, string ETag, DateTimeOffset WrittenAt);

/// <summary>A multipart upload that was neither completed nor aborted.</summary>
internal sealed record MultipartUpload(string Key, string Id, DateTimeOffset StartedAt);

/// <summary>A response with the bytes of an object, or with a range of them.</summary>
/// <param name="Content">The bytes.</param>
/// <param name="SizeBytes">How many there are.</param>
/// <param name="ETag">The object's ETag.</param>
/// <param name="Answer">The response, disposed after reading.</param>
internal sealed record ObjectReading(Stream Content, long SizeBytes, string ETag, IDisposable Answer) : IDisposable
{
    public void Dispose() => Answer.Dispose();
}

/// <summary>
/// The objects in one bucket or container. The prefix in the settings is added to all keys here; callers never see it.
/// Calls that still fail after retries throw an <see cref="IOException"/>.
/// </summary>
internal abstract class ObjectStore(ObjectCalls calls) : IDisposable
{
    protected const string ContentType = "application/octet-stream";

    /// <summary>The name of its section in the settings, also used in metrics.</summary>
    public abstract string Kind { get; }

    /// <summary>The store's location, for messages.</summary>
    public abstract string Name { get; }

    /// <summary>The sizes of an upload's parts.</summary>
    public abstract PartSizes Sizes { get; }

    /// <summary>The memory that parts of all uploads share.</summary>
    public abstract long UploadMemoryBytes { get; }

    /// <summary>
    /// Whether one key can have several multipart uploads in progress, each with its own parts, and none is visible
    /// before it is complete.
    /// </summary>
    public abstract bool KeepsUploadsApart { get; }

    /// <summary>Whether it supports <see cref="CopyPartAsync"/>.</summary>
    public abstract bool CopiesParts { get; }

    /// <summary>Checks that the store answers, with a small request.</summary>
    public abstract Task ProbeAsync(CancellationToken cancellation);

    /// <summary>An object's metadata, or null if there is no such object.</summary>
    public abstract Task<StoredObject?> FindAsync(string key, CancellationToken cancellation);

    /// <summary>
    /// Opens a range of an object. Null if the object is missing, has another ETag, or is too short. Only the request
    /// is retried, not the reading.
    /// </summary>
    /// <param name="key">The object.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="count">How many bytes, at least one.</param>
    /// <param name="etag">The ETag that the object must have; null for any.</param>
    /// <param name="cancellation">Cancels.</param>
    public abstract Task<ObjectReading?> OpenAsync(
        string key, long offset, long count, string? etag, CancellationToken cancellation);

    /// <summary>Reads an object whole; null if there is none.</summary>
    /// <param name="key">The object.</param>
    /// <param name="mostBytes">More of it is not read.</param>
    /// <param name="cancellation">Cancels.</param>
    public async Task<byte[]?> ReadSmallAsync(string key, int mostBytes, CancellationToken cancellation)
    {
        using var reading = await OpenAsync(key, 0, mostBytes, etag: null, cancellation);
        if (reading is null) return null;
        var bytes = new byte[reading.SizeBytes];
        for (var count = 0; count < bytes.Length;)
        {
            var read = await ReadAsync(reading.Content, bytes.AsMemory(count), key, cancellation);
            if (read == 0) throw new StoreUnavailableException($"reading {key} broke off");
            count += read;
        }

        return bytes;
    }

    /// <summary>
    /// Reads from the content that <see cref="OpenAsync"/> returned. 0 if the connection ended, broke or stalled.
    /// </summary>
    public Task<int> ReadAsync(Stream stream, Memory<byte> memory, string key, CancellationToken cancellation) =>
        calls.ReadAsync(stream, memory, key, cancellation);

    /// <summary>Waits before a broken read is resumed. False if there are no retries left.</summary>
    public Task<bool> WaitBeforeRetryAsync(string key, int failures, CancellationToken cancellation) =>
        calls.WaitBeforeRetryAsync(key, failures, cancellation);

    /// <summary>A signed URL at which anyone can read an object until it expires; null if Berth can't sign.</summary>
    public abstract Task<Uri?> SignAsync(string key, TimeSpan validity);

    /// <summary>Writes an object in one request.</summary>
    public abstract Task PutAsync(string key, PartBuffer content, CancellationToken cancellation);

    /// <summary>
    /// Writes an object unless there is one already; false if there is. Stores that can't check this write it anyway.
    /// </summary>
    public abstract Task<bool> PutNewAsync(string key, PartBuffer content, CancellationToken cancellation);

    /// <summary>Deletes an object, if it exists. False if it has another ETag.</summary>
    /// <param name="key">The object.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <param name="etag">The ETag that it must have, if the store checks it; null for any.</param>
    /// <param name="mayRetry">False for a single attempt.</param>
    public abstract Task<bool> DeleteAsync(
        string key, CancellationToken cancellation, string? etag = null, bool mayRetry = true);

    /// <summary>Starts a multipart upload. Returns its id.</summary>
    public abstract Task<string> StartMultipartAsync(string key, CancellationToken cancellation);

    /// <summary>Uploads a part. Returns its ETag.</summary>
    /// <exception cref="UploadLostException">The multipart upload no longer exists.</exception>
    public abstract Task<string> UploadPartAsync(
        string key, string id, int number, PartBuffer content, CancellationToken cancellation);

    /// <summary>Has the store copy an object into a part. Returns the part's ETag.</summary>
    /// <exception cref="UploadLostException">The multipart upload or the object no longer exists.</exception>
    public virtual Task<string> CopyPartAsync(
        string key, string id, int number, string from, long bytes, CancellationToken cancellation) =>
        throw new NotSupportedException();

    /// <summary>Completes a multipart upload from exactly the parts with these ETags.</summary>
    /// <exception cref="UploadLostException">
    /// The upload is no longer in progress, perhaps because an earlier attempt of this call completed it; or a part was
    /// replaced.
    /// </exception>
    public abstract Task CompleteAsync(
        string key, string id, IReadOnlyList<string> etags, long bytes, CancellationToken cancellation);

    /// <summary>Deletes a multipart upload and its parts, if it exists.</summary>
    public abstract Task AbortAsync(string key, string id, CancellationToken cancellation, bool mayRetry = true);

    /// <summary>Has the store copy an object. False if the object is missing or has another ETag.</summary>
    /// <param name="from">The object's key.</param>
    /// <param name="to">The copy's key.</param>
    /// <param name="bytes">The object's length in bytes.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <param name="etag">The ETag that the object must have; null for any.</param>
    public abstract Task<bool> CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null);

    /// <summary>All objects whose keys begin with a prefix.</summary>
    public abstract IAsyncEnumerable<StoredObject> ListAsync(string under, CancellationToken cancellation);

    /// <summary>All multipart uploads in progress, except those that <see cref="ListAsync"/> lists.</summary>
    public abstract IAsyncEnumerable<MultipartUpload> ListMultipartsAsync(CancellationToken cancellation);

    public abstract void Dispose();

    /// <summary>The prefix of all keys.</summary>
    protected static string PrefixOf(string rootDirectory) =>
        rootDirectory.Trim('/') is { Length: > 0 } root ? root + "/" : "";
}
