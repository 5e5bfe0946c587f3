using System.Reflection;
using Berth.Blobs;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// A store that stops at two places until a test lets it go on: after it has committed a blob, and before it deletes
/// one.
/// </summary>
public class GatedStore : DispatchProxy
{
    private IBlobStore inner = null!;
    private volatile TaskCompletionSource? commitBegan;

    internal IBlobStore Proxy { get; private set; } = null!;

    /// <summary>Where a commit waits once its blob is there.</summary>
    internal Gate Committed { get; } = new();

    /// <summary>Where a deletion waits with its blob still there.</summary>
    internal Gate Deleting { get; } = new();

    internal static GatedStore Over(IBlobStore store)
    {
        var proxy = Create<IBlobStore, GatedStore>();
        var gated = (GatedStore)(object)proxy;
        (gated.inner, gated.Proxy) = (store, proxy);
        return gated;
    }

    /// <summary>Completes when a commit is asked for, from now on.</summary>
    internal Task NextCommit() =>
        (commitBegan = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
    {
        nameof(IBlobStore.CommitAsync) => CommitAsync(targetMethod, args),
        nameof(IBlobStore.DeleteAsync) => DeleteAsync(targetMethod, args),
        _ => targetMethod.Invoke(inner, args),
    };

    private async Task CommitAsync(MethodInfo commit, object?[]? args)
    {
        commitBegan?.TrySetResult();
        await (Task)commit.Invoke(inner, args)!;
        await Committed.PassAsync();
    }

    private async Task DeleteAsync(MethodInfo delete, object?[]? args)
    {
        await Deleting.PassAsync();
        await (Task)delete.Invoke(inner, args)!;
    }

    /// <summary>A place that is open unless a test closes it.</summary>
    internal sealed class Gate
    {
        private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool isClosed;

        /// <summary>Completes when somebody waits here.</summary>
        public Task Reached => reached.Task;

        public void Close() => isClosed = true;

        public void Open() => opened.TrySetResult();

        public async Task PassAsync()
        {
            if (!isClosed) return;
            reached.TrySetResult();
            await opened.Task;
        }
    }
}
