using System.Reflection;
using Berth.Blobs;

namespace Berth.Tests.Backups;

/// <summary>A store that does something else before a blob is opened for the first time.</summary>
public class StoreInterrupted : DispatchProxy
{
    private IBlobStore inner = null!;
    private Lazy<Task> interruption = null!;

    internal static IBlobStore Over(IBlobStore store, Func<Task> interruption)
    {
        var proxy = Create<IBlobStore, StoreInterrupted>();
        ((StoreInterrupted)(object)proxy).inner = store;
        ((StoreInterrupted)(object)proxy).interruption = new Lazy<Task>(interruption);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.Name == nameof(IBlobStore.OpenAsync)
            ? new ValueTask<BlobContent?>(OpenAsync(targetMethod, args))
            : targetMethod.Invoke(inner, args);

    private async Task<BlobContent?> OpenAsync(MethodInfo open, object?[]? args)
    {
        await interruption.Value;
        return await (ValueTask<BlobContent?>)open.Invoke(inner, args)!;
    }
}
