using System.Security.Cryptography;

namespace Berth.Blobs;

/// <summary>
/// Calls the store with a timeout, and retries transient failures with exponential backoff and jitter. A call that
/// fails in the end throws an <see cref="IOException"/>, except for errors that callers handle, such as a missing
/// object.
/// </summary>
/// <param name="retries">How often a call is retried.</param>
/// <param name="timeout">How long the store may take to answer, or pause while it sends.</param>
/// <param name="clock">The clock for the backoff.</param>
/// <param name="log">Gets failures and retries.</param>
internal abstract partial class ObjectCalls(int retries, TimeSpan timeout, TimeProvider clock, ILogger log)
{
    /// <summary>The timeout grows with the bytes that a call moves, as if the network were this slow.</summary>
    private const long LeastBytesPerSecond = 128 * 1024;

    private const int NoSpace = 28; // ENOSPC: a full store is handled like a full disk

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestForBytes = TimeSpan.FromHours(1);

    /// <param name="what">What the call does, for messages: "the store failed to …".</param>
    /// <param name="call">One attempt.</param>
    /// <param name="bytes">How many bytes it moves.</param>
    /// <param name="mayRetry">False for a single attempt.</param>
    /// <param name="cancellation">Cancels.</param>
    public async Task<T> RunAsync<T>(
        string what, Func<CancellationToken, Task<T>> call, long bytes = 0, bool mayRetry = true,
        CancellationToken cancellation = default)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(TimeFor(bytes));
            try
            {
                return await call(deadline.Token);
            }
            catch (Exception e) when (IsTransient(e) && !cancellation.IsCancellationRequested)
            {
                var reason = e is OperationCanceledException ? "it did not answer in time" : ReasonOf(e);
                if (!mayRetry || attempt >= retries) throw Unavailable(what, reason, e);
                LogRetry(what, reason, attempt + 1);
                await Task.Delay(DelayAfter(attempt), clock, cancellation);
            }
            catch (Exception e) when (IsRefusal(e))
            {
                if (IsFull(e)) throw new IOException($"the store is full: {e.Message}", NoSpace);
                throw Unavailable(what, ReasonOf(e), e);
            }
        }
    }

    /// <summary>Reads some bytes of a response. 0 if it ended, broke or stalled.</summary>
    public async Task<int> ReadAsync(Stream stream, Memory<byte> memory, string key, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            return await stream.ReadAsync(memory, deadline.Token);
        }
        catch (Exception e) when (IsBreak(e) && !cancellation.IsCancellationRequested)
        {
            var reason = ReasonOf(e);
            LogBreak(key, reason);
            return 0;
        }
    }

    /// <summary>Waits before a broken read is resumed. False if there are no retries left.</summary>
    public async Task<bool> WaitBeforeRetryAsync(string key, int failures, CancellationToken cancellation)
    {
        if (failures > retries)
        {
            LogFailure($"read {key}", "the connection broke each time");
            return false;
        }

        if (failures > 0) await Task.Delay(DelayAfter(failures - 1), clock, cancellation);
        return true;
    }

    /// <summary>
    /// Whether a failure is transient, so that the call is retried: a network error, a busy store, credentials that are
    /// being renewed.
    /// </summary>
    protected virtual bool IsTransient(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException;

    /// <summary>Whether a failure broke off a read, so that another request can resume it.</summary>
    protected virtual bool IsBreak(Exception e) => IsTransient(e);

    /// <summary>Whether the store refused a call with an error that callers don't handle.</summary>
    protected abstract bool IsRefusal(Exception e);

    /// <summary>Whether the store is full, or a quota is used up.</summary>
    protected abstract bool IsFull(Exception e);

    protected virtual string ReasonOf(Exception e) => e.Message;

    private TimeSpan TimeFor(long bytes)
    {
        var forBytes = TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
        return timeout + (forBytes < LongestForBytes ? forBytes : LongestForBytes);
    }

    /// <summary>Exponential backoff. The jitter, of up to half, keeps nodes from retrying in step.</summary>
    private static TimeSpan DelayAfter(int attempt)
    {
        var delay = attempt < 10 ? FirstDelay * (1 << attempt) : LongestDelay;
        var most = (int)(delay < LongestDelay ? delay : LongestDelay).TotalMilliseconds;
        return TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(most / 2, most + 1));
    }

    private StoreUnavailableException Unavailable(string what, string reason, Exception cause)
    {
        LogFailure(what, reason);
        return new StoreUnavailableException($"the store failed to {what}: {reason}", cause);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The store failed to {What} ({Reason}); retry {Count}")]
    private partial void LogRetry(string what, string reason, int count);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Reading {Key} broke off: {Reason}")]
    private partial void LogBreak(string key, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The store failed to {What}: {Reason}")]
    private partial void LogFailure(string what, string reason);
}
