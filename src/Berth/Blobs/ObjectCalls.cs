using System.Security.Cryptography;

namespace Berth.Blobs;

/// <summary>
/// Runs calls to the store: each with a time limit, again after a failure that may pass, with a wait that doubles and
/// is in part left to chance, so that nodes do not come back all at once. What fails for good is an
/// <see cref="IOException"/>, but for the few answers that callers ask for by name.
/// </summary>
/// <param name="retries">How often a call is repeated.</param>
/// <param name="timeout">How long the store may be silent.</param>
/// <param name="clock">Whose time counts.</param>
/// <param name="log">Where failures are told.</param>
internal abstract partial class ObjectCalls(int retries, TimeSpan timeout, TimeProvider clock, ILogger log)
{
    /// <summary>No connection worth having is slower: a call that carries bytes gets time for them.</summary>
    private const long LeastBytesPerSecond = 128 * 1024;

    private const int NoSpace = 28; // ENOSPC, by which a full store is known as a full disk is

    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestForBytes = TimeSpan.FromHours(1);

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
                if (!isPatient || attempt >= retries) throw Unavailable(what, reason, e);
                LogRetry(what, reason, attempt + 1);
                await Task.Delay(WaitAfter(attempt), clock, cancellation);
            }
            catch (Exception e) when (IsRefusal(e))
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
        patience.CancelAfter(timeout);
        try
        {
            return await stream.ReadAsync(memory, patience.Token);
        }
        catch (Exception e) when (IsBreak(e) && !cancellation.IsCancellationRequested)
        {
            var reason = ReasonOf(e);
            LogBreak(key, reason);
            return 0;
        }
    }

    /// <summary>Waits before a broken reading is gone on with. False: it broke too often.</summary>
    public async Task<bool> WaitToReadOnAsync(string key, int failures, CancellationToken cancellation)
    {
        if (failures > retries)
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
    protected virtual bool IsPassing(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException;

    /// <summary>A failure while an answer is read, behind which another one can go on.</summary>
    protected virtual bool IsBreak(Exception e) => IsPassing(e);

    /// <summary>A refusal by the store that means nothing to who asked.</summary>
    protected abstract bool IsRefusal(Exception e);

    /// <summary>Whether the store has no room.</summary>
    protected abstract bool IsFull(Exception e);

    protected virtual string ReasonOf(Exception e) => e.Message;

    private TimeSpan TimeFor(long bytes)
    {
        var forBytes = TimeSpan.FromSeconds(bytes / LeastBytesPerSecond);
        return timeout + (forBytes < LongestForBytes ? forBytes : LongestForBytes);
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
