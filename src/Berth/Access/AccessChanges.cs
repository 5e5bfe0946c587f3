using Berth.Metadata;

namespace Berth.Access;

/// <summary>
/// The only way to change accounts, grants and tokens, so that whatever is remembered of them is read again, here at
/// once and on other nodes within a second. They run one after another, on all nodes: of two that each depend on what
/// the other changes, the second sees what the first did.
/// </summary>
internal sealed class AccessChanges(Database database, AccessVersion version)
{
    /// <param name="change">
    /// May run more than once, so it must have no effects outside the database. It is committed whatever it returns, so
    /// one that finds a fault must find it before it has changed anything.
    /// </param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <exception cref="DatabaseUnavailableException">The database is unavailable at the moment.</exception>
    public async Task<T> RunAsync<T>(Func<Session, ValueTask<T>> change, CancellationToken cancellation)
    {
        try
        {
            return await database.WriteAsync(
                async session =>
                {
                    // Its row stays locked until the end.
                    await AccessVersion.AdvanceAsync(session);
                    return await change(session);
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
