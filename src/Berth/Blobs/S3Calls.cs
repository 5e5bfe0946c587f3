using System.Net;
using Amazon.Runtime;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>Classifies failures of calls to S3.</summary>
internal sealed class S3Calls(S3Settings settings, TimeProvider clock, ILogger log)
    : ObjectCalls(settings.Retries, settings.Timeout, clock, log)
{
    /// <summary>Errors about one object or upload, which callers handle.</summary>
    private static readonly string[] Answers =
        ["NoSuchKey", "NoSuchUpload", "InvalidPart", "InvalidPartOrder", "PreconditionFailed", "InvalidRange"];

    protected override bool IsTransient(Exception e) => e switch
    {
        AmazonServiceException { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout } => true,
        AmazonServiceException { ErrorCode: "SlowDown" or "RequestTimeout" or "ExpiredToken" } => true,
        AmazonServiceException { StatusCode: var status } => !IsFull(e) && ((int)status >= 500 || (int)status < 400),
        AmazonClientException => true,
        _ => base.IsTransient(e),
    };

    protected override string ReasonOf(Exception e) =>
        e is AmazonServiceException { ErrorCode: { Length: > 0 } code } told
            ? $"{(int)told.StatusCode} {code}, {told.Message}".TrimEnd(',', ' ')
            : e.Message;

    protected override bool IsRefusal(Exception e) => e is AmazonServiceException refusal && !IsAnswer(refusal);

    protected override bool IsFull(Exception e) => e is AmazonServiceException told
        && (told.StatusCode == HttpStatusCode.InsufficientStorage
            || told.ErrorCode is "QuotaExceeded" or "XMinioStorageFull" or "XMinioAdminBucketQuotaExceeded");

    private static bool IsAnswer(AmazonServiceException e) =>
        e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed && e.ErrorCode != "NoSuchBucket"
        || Answers.Contains(e.ErrorCode);
}
