using Berth.Metadata;

namespace Berth.Access;

/// <summary>
/// The only way to change accounts, grants and tokens, so that whatever is remembered of them is read again, here at
/// once and on other nodes within a second.
/// </summary>
internal sealed class AccessChanges(Database database, AccessVersion version)
{
    /// <param name="change">May run more than once, so it must have no effects outside the database.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task<T> RunAsync<T>(Func<Session, ValueTask<T>> change, CancellationToken cancellation)
    {
        try
        {
            return await database.WriteAsync(
                async session =>
                {
                    var result = await change(session);
                    await AccessVersion.AdvanceAsync(session);
                    return result;
                },
                isDurable: true, cancellation);
        }
        finally
        {
            // After a failure too: a commit whose answer was lost may have happened.
            version.Forget();
        }
    }
}
