namespace Berth.Blobs;

/// <summary>An object as the store tells of it, without its content.</summary>
internal sealed record StoredObject(string Key, long SizeBytes, string ETag, DateTimeOffset WrittenAt);

/// <summary>A multipart upload that was neither completed nor aborted.</summary>
internal sealed record MultipartUpload(string Key, string Id, DateTimeOffset StartedAt);

/// <summary>An answer with an object's bytes, or a part of them.</summary>
/// <param name="Content">The bytes.</param>
/// <param name="SizeBytes">How many there are.</param>
/// <param name="ETag">Which object it is.</param>
/// <param name="Answer">What has to be disposed of when they were read.</param>
internal sealed record ObjectReading(Stream Content, long SizeBytes, string ETag, IDisposable Answer) : IDisposable
{
    public void Dispose() => Answer.Dispose();
}

/// <summary>
/// The objects of one bucket or container, under keys that begin with the settings' prefix, which callers neither give
/// nor see. What fails for good is an <see cref="IOException"/>.
/// </summary>
internal abstract class ObjectStore(ObjectCalls calls) : IDisposable
{
    protected const string ContentType = "application/octet-stream";

    /// <summary>The name of its section in the settings, and its kind in metrics.</summary>
    public abstract string Kind { get; }

    /// <summary>Where it is, for people.</summary>
    public abstract string Name { get; }

    /// <summary>How large the parts of an upload are.</summary>
    public abstract PartSizes Sizes { get; }

    /// <summary>The memory for parts of all uploads together.</summary>
    public abstract long UploadMemoryBytes { get; }

    /// <summary>
    /// Whether several multipart uploads may be in progress at one key, each with parts of its own, and nothing is to
    /// be seen there before one is complete.
    /// </summary>
    public abstract bool KeepsUploadsApart { get; }

    /// <summary>Whether it makes parts of what it has by <see cref="CopyPartAsync"/>.</summary>
    public abstract bool CopiesParts { get; }

    /// <summary>Asks the store for something small.</summary>
    public abstract Task ProbeAsync(CancellationToken cancellation);

    /// <summary>An object, or null where there is none.</summary>
    public abstract Task<StoredObject?> FindAsync(string key, CancellationToken cancellation);

    /// <summary>
    /// Opens a part of an object. Only the answer's beginning is repeated where it fails. Null where the object is not
    /// there, is another one, or is shorter.
    /// </summary>
    /// <param name="key">The object.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="count">How many bytes, at least one.</param>
    /// <param name="etag">What the object must still be; null for whatever it is.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public abstract Task<ObjectReading?> OpenAsync(
        string key, long offset, long count, string? etag, CancellationToken cancellation);

    /// <summary>
    /// Reads from what <see cref="OpenAsync"/> gave, for as long as the store may be silent. 0: the connection broke.
    /// </summary>
    public Task<int> ReadAsync(Stream stream, Memory<byte> memory, string key, CancellationToken cancellation) =>
        calls.ReadAsync(stream, memory, key, cancellation);

    /// <summary>Waits before a broken reading is gone on with. False: it broke too often.</summary>
    public Task<bool> WaitToReadOnAsync(string key, int failures, CancellationToken cancellation) =>
        calls.WaitToReadOnAsync(key, failures, cancellation);

    /// <summary>An address at which anyone can read an object for a while; null where none can be given.</summary>
    public abstract Task<Uri?> SignAsync(string key, TimeSpan validity);

    /// <summary>Writes an object at once.</summary>
    public abstract Task PutAsync(string key, PartBuffer content, CancellationToken cancellation);

    /// <summary>Deletes an object, if it is there. False where it is another one than it must be.</summary>
    /// <param name="key">The object.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="etag">What it must still be, where the store can tell; null for whatever it is.</param>
    /// <param name="isPatient">False: one try only.</param>
    public abstract Task<bool> DeleteAsync(
        string key, CancellationToken cancellation, string? etag = null, bool isPatient = true);

    /// <summary>Begins a multipart upload. Returns its name.</summary>
    public abstract Task<string> StartMultipartAsync(string key, CancellationToken cancellation);

    /// <summary>Uploads a part. Returns its entity tag.</summary>
    /// <exception cref="UploadLostException">The multipart upload is not there any more.</exception>
    public abstract Task<string> UploadPartAsync(
        string key, string id, int number, PartBuffer content, CancellationToken cancellation);

    /// <summary>Makes a part of an object without moving it. Returns its entity tag.</summary>
    /// <exception cref="UploadLostException">The multipart upload, or the object, is not there any more.</exception>
    public virtual Task<string> CopyPartAsync(
        string key, string id, int number, string from, long bytes, CancellationToken cancellation) =>
        throw new NotSupportedException();

    /// <summary>Puts a multipart upload together from exactly the parts that its entity tags name.</summary>
    /// <exception cref="UploadLostException">It was ended before, perhaps by a try of this very call; or a part is
    /// another one than was uploaded here.</exception>
    public abstract Task CompleteAsync(
        string key, string id, IReadOnlyList<string> etags, long bytes, CancellationToken cancellation);

    /// <summary>Forgets a multipart upload and its parts, if it is there.</summary>
    public abstract Task AbortAsync(string key, string id, CancellationToken cancellation, bool isPatient = true);

    /// <summary>
    /// Has the store copy an object, whole and without moving it. False where it is not there, or another one.
    /// </summary>
    /// <param name="from">The object.</param>
    /// <param name="to">Where to.</param>
    /// <param name="bytes">How many bytes it has.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="etag">What it must still be; null for whatever it is.</param>
    public abstract Task<bool> CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null);

    /// <summary>All objects under a prefix, page by page.</summary>
    public abstract IAsyncEnumerable<StoredObject> ListAsync(string under, CancellationToken cancellation);

    /// <summary>
    /// All multipart uploads in progress that are not to be found among the objects, page by page.
    /// </summary>
    public abstract IAsyncEnumerable<MultipartUpload> ListMultipartsAsync(CancellationToken cancellation);

    public abstract void Dispose();

    /// <summary>What every key begins with, of the setting that names the place.</summary>
    protected static string PrefixOf(string rootDirectory) =>
        rootDirectory.Trim('/') is { Length: > 0 } root ? root + "/" : "";
}
