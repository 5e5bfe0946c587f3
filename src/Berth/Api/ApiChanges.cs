using Berth.Access;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>
/// Changes that the API makes to accounts, grants and tokens. They run one after another, on all nodes, so that two
/// owners who remove each other at the same time do not leave nobody.
/// </summary>
internal sealed class ApiChanges(AccessChanges changes)
{
    /// <param name="change">May run more than once. Must not have changed anything if it answers an error.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    public Task<T> RunAsync<T>(Func<Session, ValueTask<T>> change, CancellationToken cancellation) => changes.RunAsync(
        async session =>
        {
            // Its row stays locked until the end.
            await AccessVersion.AdvanceAsync(session);
            return await change(session);
        },
        cancellation);
}
