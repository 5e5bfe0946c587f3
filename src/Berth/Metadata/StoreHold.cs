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
        var lease = new RenewedLease(Life, clock);
        await TakeAsync(cancellation);
        try
        {
            return await lease.RunAsync(
                RenewAsync,
                async stop =>
                {
                    var done = await work(stop);

                    // What was copied counts only if the hold lasted to the end.
                    lease.RequireHeld();
                    await RenewAsync(stop);
                    return done;
                },
                cancellation);
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
                    "INSERT INTO store_hold (id, expires_at) VALUES ($1, $2)",
                    id, (now + Life).ToUnixTimeMilliseconds());
            },
            isDurable: false, stop);

        // A hold that has expired stays so: the collector may have deleted blobs meanwhile.
        async Task RenewAsync(CancellationToken stop)
        {
            var count = await database.WriteAsync(
                session =>
                {
                    var now = clock.GetUtcNow();
                    return session.RunAsync(
                        "UPDATE store_hold SET expires_at = $2 WHERE id = $1 AND expires_at > $3",
                        id, (now + Life).ToUnixTimeMilliseconds(), now.ToUnixTimeMilliseconds());
                },
                isDurable: false, stop);
            if (count == 0) throw new LeaseLostException("the hold on the blobs has expired meanwhile");
        }
    }
}
