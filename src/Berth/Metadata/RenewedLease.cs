namespace Berth.Metadata;

/// <summary>What had to be renewed all the time was not, and others may have taken it.</summary>
internal sealed class LeaseLostException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>
/// Work that depends on something which has to be renewed all the time. A process may be suspended for longer than that
/// lasts, and no timer tells it when it goes on: so each renewal, and whoever is about to do something that can't be
/// undone, looks at the clock.
/// </summary>
/// <param name="life">How long it lasts without being renewed. It counts as lost after two thirds of that.</param>
/// <param name="clock">The time.</param>
internal sealed class RenewedLease(TimeSpan life, TimeProvider clock)
{
    private readonly TimeSpan patience = life * (2 / 3.0);
    private readonly Lock guard = new();
    private (long Timestamp, DateTimeOffset Time) renewed = (clock.GetTimestamp(), clock.GetUtcNow());
    private volatile bool isLost;

    /// <exception cref="LeaseLostException">It was not renewed in time.</exception>
    public void RequireHeld()
    {
        if (isLost || Age > patience)
        {
            isLost = true;
            throw new LeaseLostException(
                "the lease could not be renewed in time: the database or the store was away, or this process was "
                + "suspended");
        }
    }

    /// <param name="renew">Renews it.</param>
    /// <param name="work">What depends on it.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="LeaseLostException">It could not be renewed.</exception>
    public async Task<T> RunAsync<T>(
        Func<CancellationToken, Task> renew, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using var lost = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lost.Token);
        using var done = new CancellationTokenSource();
        var renewing = RenewAllAsync(renew, lost, done.Token);
        try
        {
            return await work(either.Token);
        }
        catch (OperationCanceledException e) when (lost.IsCancellationRequested)
        {
            throw new LeaseLostException(
                "the lease could not be renewed in time: the database or the store was away, or this process was "
                + "suspended", e);
        }
        finally
        {
            await done.CancelAsync();
            await renewing;
        }
    }

    /// <summary>By the clock that goes on while the machine sleeps, and by the one that nobody sets.</summary>
    private TimeSpan Age
    {
        get
        {
            (long Timestamp, DateTimeOffset Time) since;
            lock (guard) since = renewed;
            var (counted, told) = (clock.GetElapsedTime(since.Timestamp), clock.GetUtcNow() - since.Time);
            return counted > told ? counted : told;
        }
    }

    private async Task RenewAllAsync(
        Func<CancellationToken, Task> renew, CancellationTokenSource lost, CancellationToken done)
    {
        using var timer = new PeriodicTimer(life / 6, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(done))
            {
                try
                {
                    RequireHeld();
                    var began = (clock.GetTimestamp(), clock.GetUtcNow());
                    await renew(done);

                    // It may have expired before the renewal arrived.
                    RequireHeld();
                    lock (guard) renewed = began;
                    lost.CancelAfter(patience);
                }
                catch (LeaseLostException)
                {
                    isLost = true;
                    await lost.CancelAsync();
                    return;
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The next turn tries again, while there is time.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The work is done.
        }
    }
}
