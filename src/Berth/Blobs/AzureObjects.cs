using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// The blobs of a container in Azure. Azure has no multipart uploads. It has blocks: they stay uncommitted under a
/// blob's name until a list of them is committed, which any client may do. Multipart uploads are mapped to blocks:
/// <code>
/// start      write an empty blob; its ETag is the upload's id
/// part       stage a block with a new random id, which is the part's ETag; so no part can replace another
/// complete   commit the list of blocks, if the blob still has that ETag; so only one commit can succeed
/// abort      delete the blob, if it still has that ETag; this deletes its blocks too
/// </code>
/// The empty blob is visible, so an upload needs a key of its own, different from the finished blob's.
/// </summary>
internal sealed class AzureObjects : ObjectStore
{
    private const int BlockIdBytes = 16;

    private static readonly TimeSpan FirstPollDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPollDelay = TimeSpan.FromSeconds(5);

    private readonly AzureSettings settings;
    private readonly AzureConnection connection;
    private readonly AzureAddresses addresses;
    private readonly AzureCalls calls;
    private readonly TimeProvider clock;
    private readonly string prefix;

    public AzureObjects(AzureSettings settings, TimeProvider clock, ILogger log)
        : this(settings, clock, new AzureCalls(settings, clock, log))
    {
    }

    private AzureObjects(AzureSettings settings, TimeProvider clock, AzureCalls calls)
        : base(calls)
    {
        (this.settings, this.clock, this.calls) = (settings, clock, calls);
        connection = AzureConnection.Open(settings);
        addresses = new AzureAddresses(connection, settings, calls, clock);
        Sizes = new PartSizes(settings.ChunkSize, settings.UploadMemoryBytes);
        prefix = PrefixOf(settings.RootDirectory);
    }

    public override string Kind => "azure";

    public override string Name => settings.ToString();

    public override PartSizes Sizes { get; }

    public override long UploadMemoryBytes => settings.UploadMemoryBytes;

    public override bool KeepsUploadsApart => false;

    /// <summary>Azure can do it, but its emulator can't. A tail is small, so little is gained.</summary>
    public override bool CopiesParts => false;

    public override async Task ProbeAsync(CancellationToken cancellation)
    {
        try
        {
            await PageAsync("blobs/", next: null, count: 1, $"list the container {settings.Container}", cancellation);
        }
        catch (RequestFailedException e)
        {
            throw new StoreUnavailableException(e.Message, e);
        }
    }

    public override async Task<StoredObject?> FindAsync(string key, CancellationToken cancellation)
    {
        try
        {
            var found = (await calls.RunAsync(
                $"find {key}", stop => Blob(key).GetPropertiesAsync(conditions: null, stop),
                cancellation: cancellation)).Value;
            return new StoredObject(key, found.ContentLength, found.ETag.ToString("H"), found.LastModified);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public override async Task<ObjectReading?> OpenAsync(
        string key, long offset, long count, string? etag, CancellationToken cancellation)
    {
        var options = new BlobDownloadOptions { Range = new HttpRange(offset, count), Conditions = If(etag) };
        try
        {
            var answer = (await calls.RunAsync(
                $"read {key}", stop => Blob(key).DownloadStreamingAsync(options, stop),
                cancellation: cancellation)).Value;
            return new ObjectReading(
                answer.Content, answer.Details.ContentLength, answer.Details.ETag.ToString("H"), answer);
        }
        catch (RequestFailedException e) when (e.Status is 404 or 412 or 416)
        {
            return null;
        }
    }

    public override Task<Uri?> SignAsync(string key, TimeSpan validity) =>
        addresses.SignAsync(Blob(key), validity, CancellationToken.None);

    public override Task PutAsync(string key, PartBuffer content, CancellationToken cancellation) =>
        WriteAsync(key, content, cancellation);

    public override async Task<bool> PutNewAsync(string key, PartBuffer content, CancellationToken cancellation)
    {
        try
        {
            await WriteAsync(key, content, cancellation, new BlobRequestConditions { IfNoneMatch = ETag.All });
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            return false;
        }
    }

    public override async Task<bool> DeleteAsync(
        string key, CancellationToken cancellation, string? etag = null, bool mayRetry = true)
    {
        try
        {
            await calls.RunAsync(
                $"delete {key}",
                stop => Blob(key).DeleteIfExistsAsync(DeleteSnapshotsOption.IncludeSnapshots, If(etag), stop),
                mayRetry: mayRetry, cancellation: cancellation);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 404 or 412)
        {
            return e.Status == 404;
        }
    }

    public override async Task<string> StartMultipartAsync(string key, CancellationToken cancellation)
    {
        using var empty = new PartBuffer();
        try
        {
            return await WriteAsync(key, empty, cancellation, new BlobRequestConditions { IfNoneMatch = ETag.All });
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // An earlier attempt of this call succeeded, but its answer was lost: nobody else knows this key.
            return (await FindAsync(key, cancellation))?.ETag ?? throw new UploadLostException($"{key} is gone");
        }
    }

    public override async Task<string> UploadPartAsync(
        string key, string id, int number, PartBuffer content, CancellationToken cancellation)
    {
        var block = RandomNumberGenerator.GetBytes(BlockIdBytes);
        await calls.RunAsync(
            $"write part {number} of {key}",
            stop => Blob(key).StageBlockAsync(
                Convert.ToBase64String(block), content.OpenRead(), new BlockBlobStageBlockOptions(), stop),
            content.Length, cancellation: cancellation);
        return $"\"{Convert.ToHexStringLower(block)}\"";
    }

    public override async Task CompleteAsync(
        string key, string id, IReadOnlyList<string> etags, long bytes, CancellationToken cancellation)
    {
        var blocks = etags.Select(etag => Convert.ToBase64String(Convert.FromHexString(etag.Trim('"')))).ToList();
        var options = new CommitBlockListOptions { Conditions = If(id), HttpHeaders = Headers };
        try
        {
            await calls.RunAsync(
                $"complete {key}", stop => Blob(key).CommitBlockListAsync(blocks, options, stop), bytes,
                cancellation: cancellation);
        }
        catch (RequestFailedException e)
        {
            throw new UploadLostException($"{key} is no longer in progress, or lacks blocks: {e.ErrorCode}");
        }
    }

    public override Task AbortAsync(string key, string id, CancellationToken cancellation, bool mayRetry = true) =>
        DeleteAsync(key, cancellation, id, mayRetry);

    public override async Task<bool> CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null)
    {
        var source = addresses.ForCopy(Blob(from));
        try
        {
            return await calls.RunAsync(
                $"copy {from} to {to}", stop => CopyAsync(source, to, etag, stop), bytes, cancellation: cancellation);
        }
        catch (RequestFailedException e) when (e.Status is 404 or 412)
        {
            return false;
        }
    }

    public override async IAsyncEnumerable<StoredObject> ListAsync(
        string under, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? next = null;
        do
        {
            var page = await PageAsync(under, next, count: null, $"list {under}", cancellation);
            foreach (var found in page?.Values ?? [])
            {
                var about = found.Properties;
                yield return new StoredObject(
                    found.Name[prefix.Length..], about.ContentLength ?? 0, about.ETag?.ToString("H") ?? "",
                    about.LastModified ?? DateTimeOffset.MaxValue);
            }

            next = page?.ContinuationToken;
        }
        while (!string.IsNullOrEmpty(next));
    }

    /// <summary>None: an upload in progress is listed as a blob.</summary>
    public override IAsyncEnumerable<MultipartUpload> ListMultipartsAsync(CancellationToken cancellation) =>
        AsyncEnumerable.Empty<MultipartUpload>();

    public override void Dispose() => addresses.Dispose();

    private static BlobHttpHeaders Headers => new() { ContentType = ContentType };

    private static BlobRequestConditions? If(string? etag) =>
        etag is null ? null : new BlobRequestConditions { IfMatch = new ETag(etag) };

    private BlockBlobClient Blob(string key) => connection.Container.GetBlockBlobClient(prefix + key);

    /// <summary>Writes a blob in one request, and returns its entity tag.</summary>
    private async Task<string> WriteAsync(
        string key, PartBuffer content, CancellationToken cancellation, BlobRequestConditions? conditions = null)
    {
        var options = new BlobUploadOptions
        {
            HttpHeaders = Headers,
            Conditions = conditions,
            TransferOptions = new StorageTransferOptions { InitialTransferSize = Math.Max(1, content.Length) },
        };
        var written = await calls.RunAsync(
            $"write {key}", stop => Blob(key).UploadAsync(content.OpenRead(), options, stop), content.Length,
            cancellation: cancellation);
        return written.Value.ETag.ToString("H");
    }

    /// <summary>A copy within an account completes at once, or continues in the background and is polled.</summary>
    private async Task<bool> CopyAsync(Uri source, string to, string? etag, CancellationToken cancellation)
    {
        var options = new BlobCopyFromUriOptions { SourceConditions = If(etag) };
        var copying = await Blob(to).StartCopyFromUriAsync(source, options, cancellation);
        if (copying.GetRawResponse().Headers.TryGetValue("x-ms-copy-status", out var status) && status == "success")
            return true;
        for (var wait = FirstPollDelay; ; wait = wait * 2 < LongestPollDelay ? wait * 2 : LongestPollDelay)
        {
            await Task.Delay(wait, clock, cancellation);
            var target = (await Blob(to).GetPropertiesAsync(conditions: null, cancellation)).Value;
            // If a later copy to the same blob has replaced this one, the caller checks the result.
            if (target.BlobCopyStatus == CopyStatus.Success || target.CopyId != copying.Id) return true;
            if (target.BlobCopyStatus != CopyStatus.Pending)
                throw new IOException($"the copy ended as {target.BlobCopyStatus}: {target.CopyStatusDescription}");
        }
    }

    private Task<Page<BlobItem>?> PageAsync(
        string under, string? next, int? count, string what, CancellationToken cancellation) => calls.RunAsync(
        what,
        async stop =>
        {
            var blobs = connection.Container.GetBlobsAsync(
                BlobTraits.None, BlobStates.None, prefix + under, stop);
            await foreach (var page in blobs.AsPages(next, count).WithCancellation(stop)) return page;
            return (Page<BlobItem>?)null;
        },
        cancellation: cancellation);
}
