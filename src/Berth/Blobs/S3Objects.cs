using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>An object as the store tells of it, without its content.</summary>
internal sealed record S3Object(string Key, long SizeBytes, string ETag, DateTimeOffset WrittenAt);

/// <summary>A multipart upload that was neither completed nor aborted.</summary>
internal sealed record S3Multipart(string Key, string Id, DateTimeOffset StartedAt);

/// <summary>
/// The objects of one bucket, under keys that begin with the settings' prefix, which callers neither give nor see.
/// </summary>
internal sealed class S3Objects : IDisposable
{
    private readonly S3Settings settings;
    private readonly AmazonS3Client client;
    private readonly S3Calls calls;
    private readonly string prefix;
    private readonly bool isSecure;
    private readonly TimeProvider clock;

    public S3Objects(S3Settings settings, TimeProvider clock, ILogger log)
    {
        (this.settings, this.clock) = (settings, clock);
        client = S3Connection.Open(settings);
        calls = new S3Calls(settings, clock, log);
        var root = settings.RootDirectory.Trim('/');
        prefix = root.Length == 0 ? "" : root + "/";
        isSecure = S3Connection.IsSecure(settings);
    }

    /// <summary>Where it is, for people.</summary>
    public string Name => settings.ToString();

    /// <summary>Asks the store for something small.</summary>
    public Task ProbeAsync() => calls.RunAsync($"look into the bucket {settings.Bucket}", stop =>
        client.ListObjectsV2Async(
            new ListObjectsV2Request { BucketName = settings.Bucket, Prefix = prefix + "blobs/", MaxKeys = 1 }, stop));

    /// <summary>An object, or null where there is none.</summary>
    public async Task<S3Object?> FindAsync(string key, CancellationToken cancellation = default)
    {
        var request = new GetObjectMetadataRequest { BucketName = settings.Bucket, Key = prefix + key };
        try
        {
            var found = await calls.RunAsync(
                $"find {key}", stop => client.GetObjectMetadataAsync(request, stop), cancellation: cancellation);
            return new S3Object(key, found.ContentLength, found.ETag, found.LastModified ?? DateTimeOffset.MinValue);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Opens a part of an object. Only the answer's beginning is repeated where it fails.</summary>
    /// <param name="key">The object.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="count">How many bytes, at least one.</param>
    /// <param name="etag">What the object must still be; null for whatever it is.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public Task<GetObjectResponse> OpenAsync(
        string key, long offset, long count, string? etag, CancellationToken cancellation) => calls.RunAsync(
        $"read {key}",
        stop => client.GetObjectAsync(
            new GetObjectRequest
            {
                BucketName = settings.Bucket,
                Key = prefix + key,
                ByteRange = new ByteRange(offset, offset + count - 1),
                EtagToMatch = etag,
            },
            stop),
        cancellation: cancellation);

    /// <summary>
    /// Reads from what <see cref="OpenAsync"/> gave, for as long as the store may be silent. 0: the connection broke.
    /// </summary>
    public Task<int> ReadAsync(Stream stream, Memory<byte> memory, string key, CancellationToken cancellation) =>
        calls.ReadAsync(stream, memory, key, cancellation);

    /// <summary>Waits before a broken reading is gone on with. False: it broke too often.</summary>
    public Task<bool> WaitToReadOnAsync(string key, int failures, CancellationToken cancellation) =>
        calls.WaitToReadOnAsync(key, failures, cancellation);

    /// <summary>An address at which anyone can read an object for a while.</summary>
    public async Task<Uri> SignAsync(string key, TimeSpan validity) => new(
        await client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            Verb = HttpVerb.GET,
            Protocol = isSecure ? Protocol.HTTPS : Protocol.HTTP,
            Expires = (clock.GetUtcNow() + validity).UtcDateTime,
        }));

    /// <summary>Writes an object at once.</summary>
    public Task PutAsync(string key, PartBuffer content, CancellationToken cancellation) => calls.RunAsync(
        $"write {key}",
        stop =>
        {
            var request = new PutObjectRequest
            {
                BucketName = settings.Bucket,
                Key = prefix + key,
                InputStream = content.OpenRead(),
                ContentType = ContentType,
                DisablePayloadSigning = isSecure,
            };
            if (StorageClass is { } storageClass) request.StorageClass = storageClass;
            if (Acl is { } acl) request.CannedACL = acl;
            if (Encryption is { } method) request.ServerSideEncryptionMethod = method;
            if (KeyId is { } keyId) request.ServerSideEncryptionKeyManagementServiceKeyId = keyId;
            return client.PutObjectAsync(request, stop);
        },
        content.Length,
        cancellation: cancellation);

    /// <summary>Deletes an object, if it is there.</summary>
    /// <param name="key">The object.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <param name="etag">What it must still be, where the store can tell; null for whatever it is.</param>
    /// <param name="isPatient">False: one try only.</param>
    public async Task DeleteAsync(
        string key, CancellationToken cancellation, string? etag = null, bool isPatient = true)
    {
        var request = new DeleteObjectRequest { BucketName = settings.Bucket, Key = prefix + key, IfMatch = etag };
        await RemoveAsync(() => calls.RunAsync(
            $"delete {key}", stop => client.DeleteObjectAsync(request, stop), isPatient: isPatient,
            cancellation: cancellation));
    }

    public async Task<string> StartMultipartAsync(string key, CancellationToken cancellation)
    {
        var request = new InitiateMultipartUploadRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            ContentType = ContentType,
        };
        if (StorageClass is { } storageClass) request.StorageClass = storageClass;
        if (Acl is { } acl) request.CannedACL = acl;
        if (Encryption is { } method) request.ServerSideEncryptionMethod = method;
        if (KeyId is { } keyId) request.ServerSideEncryptionKeyManagementServiceKeyId = keyId;
        return (await calls.RunAsync(
            $"begin {key}", stop => client.InitiateMultipartUploadAsync(request, stop),
            cancellation: cancellation)).UploadId;
    }

    /// <summary>Uploads a part. Returns its entity tag.</summary>
    /// <exception cref="UploadLostException">The multipart upload is not there any more.</exception>
    public Task<string> UploadPartAsync(
        string key, string id, int number, PartBuffer content, CancellationToken cancellation) => OrLostAsync(
        key,
        async () => (await calls.RunAsync(
            $"write part {number} of {key}",
            stop => client.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = settings.Bucket,
                    Key = prefix + key,
                    UploadId = id,
                    PartNumber = number,
                    PartSize = content.Length,
                    InputStream = content.OpenRead(),
                    DisablePayloadSigning = isSecure,
                },
                stop),
            content.Length,
            cancellation: cancellation)).ETag);

    /// <summary>Makes a part of an object, or of a piece of it, without moving it. Returns its entity tag.</summary>
    /// <exception cref="UploadLostException">The multipart upload, or the object, is not there any more.</exception>
    public Task<string> CopyPartAsync(
        string key, string id, int number, string from, (long Offset, long Count)? piece, long bytes,
        CancellationToken cancellation, string? etag = null) => OrLostAsync(
        key,
        async () =>
        {
            var request = new CopyPartRequest
            {
                SourceBucket = settings.Bucket,
                SourceKey = prefix + from,
                DestinationBucket = settings.Bucket,
                DestinationKey = prefix + key,
                UploadId = id,
                PartNumber = number,
            };
            if (etag is not null) request.ETagToMatch = [etag];
            if (piece is var (offset, count)) (request.FirstByte, request.LastByte) = (offset, offset + count - 1);
            return (await calls.RunAsync(
                $"copy part {number} of {key}", stop => client.CopyPartAsync(request, stop), bytes,
                cancellation: cancellation)).ETag;
        });

    /// <summary>Puts a multipart upload together from exactly the parts that its entity tags name.</summary>
    /// <exception cref="AmazonS3Exception">NoSuchUpload: it was ended before, perhaps by a try of this very call.
    /// InvalidPart: a part is another one than was uploaded here.</exception>
    public Task CompleteAsync(
        string key, string id, IReadOnlyList<string> etags, long bytes, CancellationToken cancellation) =>
        calls.RunAsync(
        $"complete {key}",
        stop => client.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest
            {
                BucketName = settings.Bucket,
                Key = prefix + key,
                UploadId = id,
                PartETags = [.. etags.Select((etag, index) => new PartETag(index + 1, etag))],
            },
            stop),
        bytes,
        cancellation: cancellation);

    /// <summary>Forgets a multipart upload and its parts, if it is there.</summary>
    public async Task AbortAsync(string key, string id, CancellationToken cancellation, bool isPatient = true)
    {
        var request = new AbortMultipartUploadRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            UploadId = id,
        };
        await RemoveAsync(() => calls.RunAsync(
            $"abort {key}", stop => client.AbortMultipartUploadAsync(request, stop), isPatient: isPatient,
            cancellation: cancellation));
    }

    /// <summary>Copies an object of at most 5 GiB in one step, without moving it.</summary>
    public Task CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null) => calls.RunAsync(
        $"copy {from} to {to}",
        stop =>
        {
            var request = new CopyObjectRequest
            {
                SourceBucket = settings.Bucket,
                SourceKey = prefix + from,
                DestinationBucket = settings.Bucket,
                DestinationKey = prefix + to,
                ETagToMatch = etag,
            };
            if (StorageClass is { } storageClass) request.StorageClass = storageClass;
            if (Acl is { } acl) request.CannedACL = acl;
            if (Encryption is { } method) request.ServerSideEncryptionMethod = method;
            if (KeyId is { } keyId) request.ServerSideEncryptionKeyManagementServiceKeyId = keyId;
            return client.CopyObjectAsync(request, stop);
        },
        bytes,
        cancellation: cancellation);

    /// <summary>All objects under a prefix, page by page.</summary>
    public async IAsyncEnumerable<S3Object> ListAsync(
        string under, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var request = new ListObjectsV2Request { BucketName = settings.Bucket, Prefix = prefix + under };
        do
        {
            var page = await calls.RunAsync(
                $"list {under}", stop => client.ListObjectsV2Async(request, stop), cancellation: cancellation);
            foreach (var found in page.S3Objects ?? [])
            {
                yield return new S3Object(
                    found.Key[prefix.Length..], found.Size ?? 0, found.ETag,
                    found.LastModified ?? DateTimeOffset.MaxValue);
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    /// <summary>All multipart uploads in progress, page by page.</summary>
    public async IAsyncEnumerable<S3Multipart> ListMultipartsAsync(
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        var request = new ListMultipartUploadsRequest { BucketName = settings.Bucket, Prefix = prefix };
        bool isMore;
        do
        {
            var page = await calls.RunAsync(
                "list uploads", stop => client.ListMultipartUploadsAsync(request, stop), cancellation: cancellation);
            foreach (var found in page.MultipartUploads ?? [])
            {
                yield return new S3Multipart(
                    found.Key[prefix.Length..], found.UploadId, found.Initiated ?? DateTimeOffset.MaxValue);
            }

            isMore = page.IsTruncated == true;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (isMore);
    }

    public void Dispose() => client.Dispose();

    private const string ContentType = "application/octet-stream";

    /// <summary>What is the store's own default is not sent: some stores refuse to be told it.</summary>
    private S3StorageClass? StorageClass => settings.StorageClass.ToUpperInvariant() is var name
        && name is "STANDARD" or "NONE" ? null : S3StorageClass.FindValue(name);

    private S3CannedACL? Acl => settings.ObjectAcl == "private" ? null : S3CannedACL.FindValue(settings.ObjectAcl);

    private ServerSideEncryptionMethod? Encryption => !settings.Encrypt ? null
        : settings.KeyId is null ? ServerSideEncryptionMethod.AES256 : ServerSideEncryptionMethod.AWSKMS;

    private string? KeyId => settings.Encrypt ? settings.KeyId : null;

    private static async Task RemoveAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // What should be gone is gone.
        }
    }

    private static async Task<string> OrLostAsync(string key, Func<Task<string>> call)
    {
        try
        {
            return await call();
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw new UploadLostException($"{key} is not in progress any more: {e.Message}");
        }
    }
}
