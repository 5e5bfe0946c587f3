using System.Net;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>The objects in a bucket of Amazon S3 or a compatible store.</summary>
internal sealed class S3Objects : ObjectStore
{
    private readonly S3Settings settings;
    private readonly AmazonS3Client client;
    private readonly S3Calls calls;
    private readonly S3Copying copying;
    private readonly string prefix;
    private readonly bool isSecure;
    private readonly TimeProvider clock;

    public S3Objects(S3Settings settings, TimeProvider clock, ILogger log)
        : this(settings, clock, new S3Calls(settings, clock, log))
    {
    }

    private S3Objects(S3Settings settings, TimeProvider clock, S3Calls calls)
        : base(calls)
    {
        (this.settings, this.clock, this.calls) = (settings, clock, calls);
        client = S3Connection.Open(settings);
        copying = new S3Copying(this, settings);
        Sizes = new PartSizes(settings.ChunkSize, settings.UploadMemoryBytes, settings.EqualParts);
        prefix = PrefixOf(settings.RootDirectory);
        isSecure = S3Connection.IsSecure(settings);
    }

    public override string Kind => "s3";

    public override string Name => settings.ToString();

    public override PartSizes Sizes { get; }

    public override long UploadMemoryBytes => settings.UploadMemoryBytes;

    public override bool KeepsUploadsApart => true;

    public override bool CopiesParts => true;

    public override async Task ProbeAsync(CancellationToken cancellation)
    {
        var request = new ListObjectsV2Request
        {
            BucketName = settings.Bucket,
            Prefix = prefix + "blobs/",
            MaxKeys = 1,
        };
        try
        {
            await calls.RunAsync(
                $"list the bucket {settings.Bucket}", stop => client.ListObjectsV2Async(request, stop),
                cancellation: cancellation);
        }
        catch (AmazonS3Exception e)
        {
            throw new StoreUnavailableException(e.Message, e);
        }
    }

    public override async Task<StoredObject?> FindAsync(string key, CancellationToken cancellation)
    {
        var request = new GetObjectMetadataRequest { BucketName = settings.Bucket, Key = prefix + key };
        try
        {
            var found = await calls.RunAsync(
                $"find {key}", stop => client.GetObjectMetadataAsync(request, stop), cancellation: cancellation);
            return new StoredObject(
                key, found.ContentLength, found.ETag, found.LastModified ?? DateTimeOffset.MinValue);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    public override async Task<ObjectReading?> OpenAsync(
        string key, long offset, long count, string? etag, CancellationToken cancellation)
    {
        var request = new GetObjectRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            ByteRange = new ByteRange(offset, offset + count - 1),
            EtagToMatch = etag,
        };
        try
        {
            var answer = await calls.RunAsync(
                $"read {key}", stop => client.GetObjectAsync(request, stop), cancellation: cancellation);
            return new ObjectReading(answer.ResponseStream, answer.ContentLength, answer.ETag, answer);
        }
        catch (AmazonS3Exception e) when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed
            or HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return null;
        }
    }

    public override async Task<Uri?> SignAsync(string key, TimeSpan validity) => new(
        await client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            Verb = HttpVerb.GET,
            Protocol = isSecure ? Protocol.HTTPS : Protocol.HTTP,
            Expires = (clock.GetUtcNow() + validity).UtcDateTime,
        }));

    public override Task PutAsync(string key, PartBuffer content, CancellationToken cancellation) =>
        PutAsync(key, content, isNew: false, cancellation);

    public override async Task<bool> PutNewAsync(string key, PartBuffer content, CancellationToken cancellation)
    {
        try
        {
            await PutAsync(key, content, isNew: true, cancellation);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            return false;
        }
        catch (StoreUnavailableException e) when (e.InnerException is AmazonS3Exception
        {
            StatusCode: HttpStatusCode.NotImplemented
        })
        {
            await PutAsync(key, content, cancellation);
            return true;
        }
    }

    private Task<PutObjectResponse> PutAsync(
        string key, PartBuffer content, bool isNew, CancellationToken cancellation) => calls.RunAsync(
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
                IfNoneMatch = isNew ? "*" : null,
            };
            if (StorageClass is { } storageClass) request.StorageClass = storageClass;
            if (Acl is { } acl) request.CannedACL = acl;
            if (Encryption is { } method) request.ServerSideEncryptionMethod = method;
            if (KeyId is { } keyId) request.ServerSideEncryptionKeyManagementServiceKeyId = keyId;
            return client.PutObjectAsync(request, stop);
        },
        content.Length,
        cancellation: cancellation);

    public override Task<bool> DeleteAsync(
        string key, CancellationToken cancellation, string? etag = null, bool mayRetry = true)
    {
        var request = new DeleteObjectRequest { BucketName = settings.Bucket, Key = prefix + key, IfMatch = etag };
        return RemoveAsync(() => calls.RunAsync(
            $"delete {key}", stop => client.DeleteObjectAsync(request, stop), mayRetry: mayRetry,
            cancellation: cancellation));
    }

    public override async Task<string> StartMultipartAsync(string key, CancellationToken cancellation)
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
            $"start the upload of {key}", stop => client.InitiateMultipartUploadAsync(request, stop),
            cancellation: cancellation)).UploadId;
    }

    public override Task<string> UploadPartAsync(
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

    public override Task<string> CopyPartAsync(
        string key, string id, int number, string from, long bytes, CancellationToken cancellation) =>
        CopyPartAsync(key, id, number, from, range: null, bytes, cancellation);

    /// <summary>Has the store copy an object, or a range of it, into a part. Returns the part's ETag.</summary>
    /// <exception cref="UploadLostException">The multipart upload or the object no longer exists.</exception>
    public Task<string> CopyPartAsync(
        string key, string id, int number, string from, (long Offset, long Count)? range, long bytes,
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
            if (range is var (offset, count)) (request.FirstByte, request.LastByte) = (offset, offset + count - 1);
            return (await calls.RunAsync(
                $"copy part {number} of {key}", stop => client.CopyPartAsync(request, stop), bytes,
                cancellation: cancellation)).ETag;
        });

    public override Task CompleteAsync(
        string key, string id, IReadOnlyList<string> etags, long bytes, CancellationToken cancellation)
    {
        var request = new CompleteMultipartUploadRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            UploadId = id,
            PartETags = [.. etags.Select((etag, index) => new PartETag(index + 1, etag))],
        };
        return OrLostAsync(key, async () => (await calls.RunAsync(
            $"complete {key}", stop => client.CompleteMultipartUploadAsync(request, stop), bytes,
            cancellation: cancellation)).ETag);
    }

    public override Task AbortAsync(string key, string id, CancellationToken cancellation, bool mayRetry = true)
    {
        var request = new AbortMultipartUploadRequest
        {
            BucketName = settings.Bucket,
            Key = prefix + key,
            UploadId = id,
        };
        return RemoveAsync(() => calls.RunAsync(
            $"abort the upload of {key}", stop => client.AbortMultipartUploadAsync(request, stop), mayRetry: mayRetry,
            cancellation: cancellation));
    }

    public override async Task<bool> CopyAsync(
        string from, string to, long bytes, CancellationToken cancellation, string? etag = null)
    {
        try
        {
            await copying.CopyAsync(from, to, bytes, cancellation, etag);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>Copies an object of at most 5 GiB in one request.</summary>
    public Task CopyOnceAsync(
        string from, string to, long bytes, string? etag, CancellationToken cancellation) => calls.RunAsync(
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

    public override async IAsyncEnumerable<StoredObject> ListAsync(
        string under, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var request = new ListObjectsV2Request { BucketName = settings.Bucket, Prefix = prefix + under };
        do
        {
            var page = await calls.RunAsync(
                $"list {under}", stop => client.ListObjectsV2Async(request, stop), cancellation: cancellation);
            foreach (var found in page.S3Objects ?? [])
            {
                yield return new StoredObject(
                    found.Key[prefix.Length..], found.Size ?? 0, found.ETag,
                    found.LastModified ?? DateTimeOffset.MaxValue);
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    public override async IAsyncEnumerable<MultipartUpload> ListMultipartsAsync(
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
                yield return new MultipartUpload(
                    found.Key[prefix.Length..], found.UploadId, found.Initiated ?? DateTimeOffset.MaxValue);
            }

            isMore = page.IsTruncated == true;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (isMore);
    }

    public override void Dispose() => client.Dispose();

    /// <summary>Null for the store's default: some stores refuse the header even with that value.</summary>
    private S3StorageClass? StorageClass => settings.StorageClass.ToUpperInvariant() is var name
        && name is "STANDARD" or "NONE" ? null : S3StorageClass.FindValue(name);

    private S3CannedACL? Acl => settings.ObjectAcl == "private" ? null : S3CannedACL.FindValue(settings.ObjectAcl);

    private ServerSideEncryptionMethod? Encryption => !settings.Encrypt ? null
        : settings.KeyId is null ? ServerSideEncryptionMethod.AES256 : ServerSideEncryptionMethod.AWSKMS;

    private string? KeyId => settings.Encrypt ? settings.KeyId : null;

    /// <summary>Deleting what is already gone succeeds. False if there is another object.</summary>
    private static async Task<bool> RemoveAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (AmazonS3Exception e) when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed)
        {
            return e.StatusCode == HttpStatusCode.NotFound;
        }

        return true;
    }

    private static async Task<string> OrLostAsync(string key, Func<Task<string>> call)
    {
        try
        {
            return await call();
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound
            || e.ErrorCode is "InvalidPart" or "InvalidPartOrder")
        {
            throw new UploadLostException($"{key} is no longer in progress, or its parts differ: {e.Message}");
        }
    }
}
