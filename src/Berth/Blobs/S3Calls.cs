using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Runs calls to the store: each with a time limit, again after a failure that may pass, with a wait that doubles and
/// is in part left to chance, so that nodes do not come back all at once. What fails for good is an
/// <see cref="IOException"/>, but for the few answers that callers ask for by name.
/// </summary>
internal sealed partial class S3Calls(S3Settings settings, TimeProvider clock, ILogger log)
{
    /// <summary>No connection worth having is slower: a call that carries bytes gets time for them.</summary>
    private const long LeastBytesPerSecond = 128 * 1024;

    private const int NoSpace = 28; // ENOSPC, by which a full store is known as a full disk is

    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestForBytes = TimeSpan.FromHours(1);

    /// <summary>Answers about one object or upload, which mean something to who asked.</summary>
    private static readonly string[] Answers =
        ["NoSuchKey", "NoSuchUpload", "InvalidPart", "InvalidPartOrder", "PreconditionFailed", "InvalidRange"];

    /// <param name="what">What is done to what, for the log and for people.</param>
    /// <param name="call">One attempt.</param>
    /// <param name="bytes">How many bytes it moves.</param>
    /// <param name="isPatient">False: one try only.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public async Task<T> RunAsync<T>(
        string what, Func<CancellationToken, Task<T>> call, long bytes = 0, bool isPatient = true,
        CancellationToken cancellation = default)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(TimeFor(bytes));
            try
            {
                return await call(patience.Token);
            }
            catch (Exception e) when (IsPassing(e) && !cancellation.IsCancellationRequested)
            {
                var reason = e is OperationCanceledException ? "it did not answer in time" : ReasonOf(e);
                if (!isPatient || attempt >= settings.Retries) throw Unavailable(what, reason, e);
                LogRetry(what, reason, attempt + 1);
                await Task.Delay(WaitAfter(attempt), clock, cancellation);
            }
            catch (AmazonServiceException e) when (!IsAnswer(e))
            {
                if (IsFull(e)) throw new IOException($"the store is full: {e.Message}", NoSpace);
                throw Unavailable(what, ReasonOf(e), e);
            }
        }
    }

    /// <summary>Reads some bytes of an answer. 0 where it ended, or broke, or was silent for too long.</summary>
    public async Task<int> ReadAsync(Stream stream, Memory<byte> memory, string key, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(settings.Timeout);
        try
        {
            return await stream.ReadAsync(memory, patience.Token);
        }
        catch (Exception e) when (IsPassing(e) && !cancellation.IsCancellationRequested)
        {
            var reason = ReasonOf(e);
            LogBreak(key, reason);
            return 0;
        }
    }

    /// <summary>Waits before a broken reading is gone on with. False: it broke too often.</summary>
    public async Task<bool> WaitToReadOnAsync(string key, int failures, CancellationToken cancellation)
    {
        if (failures > settings.Retries)
        {
            LogFailure($"read {key}", "the connection breaks each time");
            return false;
        }

        if (failures > 0) await Task.Delay(WaitAfter(failures - 1), clock, cancellation);
        return true;
    }

    /// <summary>
    /// A failure that the same call may not meet again: of the network, of a store that is busy, or of credentials
    /// that are being renewed. What the store refuses for a reason of its own is none.
    /// </summary>
    public static bool IsPassing(Exception e) => e switch
    {
        AmazonServiceException { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout } => true,
        AmazonServiceException { ErrorCode: "SlowDown" or "RequestTimeout" or "ExpiredToken" } => true,
        AmazonServiceException { StatusCode: var status } => !IsFull((AmazonServiceException)e)
            && ((int)status >= 500 || (int)status < 400),
        AmazonClientException or HttpRequestException or IOException or OperationCanceledException => true,
        _ => false,
    };

    public static string ReasonOf(Exception e) => e is AmazonServiceException { ErrorCode: { Length: > 0 } code } told
        ? $"{(int)told.StatusCode} {code}, {told.Message}".TrimEnd(',', ' ')
        : e.Message;

    private static bool IsAnswer(AmazonServiceException e) =>
        e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed && e.ErrorCode != "NoSuchBucket"
        || Answers.Contains(e.ErrorCode);

    private static bool IsFull(AmazonServiceException e) =>
        e.StatusCode == HttpStatusCode.InsufficientStorage
        || e.ErrorCode is "QuotaExceeded" or "XMinioStorageFull" or "XMinioAdminBucketQuotaExceeded";

    private TimeSpan TimeFor(long bytes)
    {
        var forBytes = TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
        return settings.Timeout + (forBytes < LongestForBytes ? forBytes : LongestForBytes);
    }

    /// <summary>Between half of the doubling wait and the whole of it.</summary>
    private static TimeSpan WaitAfter(int attempt)
    {
        var wait = attempt < 10 ? FirstWait * (1 << attempt) : LongestWait;
        var most = (int)(wait < LongestWait ? wait : LongestWait).TotalMilliseconds;
        return TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(most / 2, most + 1));
    }

    private StoreUnavailableException Unavailable(string what, string reason, Exception cause)
    {
        LogFailure(what, reason);
        return new StoreUnavailableException($"the store failed to {what}: {reason}", cause);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The store failed to {What} ({Reason}); try {Count} follows")]
    private partial void LogRetry(string what, string reason, int count);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Reading {Key} broke off: {Reason}")]
    private partial void LogBreak(string key, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The store failed to {What}: {Reason}")]
    private partial void LogFailure(string what, string reason);
}
