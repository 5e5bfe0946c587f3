using System.Reflection;
using Berth.Blobs;

namespace Berth.Tests.Lifecycle;

/// <summary>A store that takes its time before it deletes a blob, so that pushes of the blob come in between.</summary>
public class SlowDeletions : DispatchProxy
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

    private IBlobStore inner = null!;

    internal static IBlobStore Over(IBlobStore store)
    {
        var proxy = Create<IBlobStore, SlowDeletions>();
        ((SlowDeletions)(object)proxy).inner = store;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.Name == nameof(IBlobStore.DeleteAsync)
            ? DeleteAsync(targetMethod, args)
            : targetMethod.Invoke(inner, args);

    private async Task DeleteAsync(MethodInfo delete, object?[]? args)
    {
        await Task.Delay(Delay);
        await (Task)delete.Invoke(inner, args)!;
    }
}
