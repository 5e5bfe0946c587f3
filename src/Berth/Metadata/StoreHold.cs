using System.Security.Cryptography;

namespace Berth.Metadata;

/// <summary>
/// Keeps the collector from deleting blobs while something copies them: a row with an end, which is moved on while the
/// work lasts. What a snapshot of the database links that is taken under a hold, stays in the store until the hold
/// ends.
/// </summary>
internal static class StoreHold
{
    /// <summary>How long blobs stay after a process with a hold was killed.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(2);

    private const int IdBytes = 16;

    /// <param name="database">The database of the store.</param>
    /// <param name="clock">The time.</param>
    /// <param name="work">Runs under the hold. Cancelled if the hold may have been lost.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="IOException">The hold was lost.</exception>
    public static async Task<T> RunAsync<T>(
        Database database, TimeProvider clock, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        await TakeAsync(cancellation);
        try
        {
            return await RenewedLease.RunAsync(TakeAsync, Life, clock, work, cancellation);
        }
        finally
        {
            await database.WriteAsync(
                session => session.RunAsync("DELETE FROM store_hold WHERE id = $1", id), isDurable: false,
                CancellationToken.None);
        }

        Task TakeAsync(CancellationToken stop) => database.WriteAsync(
            async session =>
            {
                var now = clock.GetUtcNow();
                await session.RunAsync(
                    "DELETE FROM store_hold WHERE expires_at < $1", (now - Life).ToUnixTimeMilliseconds());
                return await session.RunAsync(
                    """
                    INSERT INTO store_hold (id, expires_at) VALUES ($1, $2)
                    ON CONFLICT (id) DO UPDATE SET expires_at = $2
                    """,
                    id, (now + Life).ToUnixTimeMilliseconds());
            },
            isDurable: false, stop);
    }
}

/// <summary>Work that depends on something which has to be renewed all the time.</summary>
internal static class RenewedLease
{
    /// <param name="renew">Renews it.</param>
    /// <param name="life">How long it lasts without. The work is cancelled after two thirds of that.</param>
    /// <param name="clock">The time.</param>
    /// <param name="work">What depends on it.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="IOException">It could not be renewed.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task> renew, TimeSpan life, TimeProvider clock,
        Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using var lost = new CancellationTokenSource(life * (2 / 3.0), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lost.Token);
        using var done = new CancellationTokenSource();
        var renewing = RenewAllAsync();
        try
        {
            return await work(either.Token);
        }
        catch (OperationCanceledException e) when (lost.IsCancellationRequested)
        {
            throw new IOException("the lease could not be renewed in time: the database or the store was away", e);
        }
        finally
        {
            await done.CancelAsync();
            await renewing;
        }

        async Task RenewAllAsync()
        {
            using var timer = new PeriodicTimer(life / 6, clock);
            try
            {
                while (await timer.WaitForNextTickAsync(done.Token))
                {
                    try
                    {
                        await renew(done.Token);
                        lost.CancelAfter(life * (2 / 3.0));
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
}
