using Berth.Oci;

namespace Berth.Metadata;

/// <summary>
/// Bodies of manifests that are too large for the cache. They are loaded one at a time, and whoever asks for one that
/// another request still holds gets the same bytes: many requests for them don't take memory each.
/// </summary>
internal sealed class LargeBodies : IDisposable
{
    private readonly SemaphoreSlim loading = new(1);
    private readonly Dictionary<Digest, WeakReference<byte[]>> held = [];

    /// <summary>A body; null if there is none.</summary>
    public async ValueTask<byte[]?> GetOrLoadAsync(
        Digest digest, Func<ValueTask<byte[]?>> load, CancellationToken cancellation)
    {
        await loading.WaitAsync(cancellation);
        try
        {
            if (held.TryGetValue(digest, out var known) && known.TryGetTarget(out var body)) return body;
            foreach (var (gone, _) in held.Where(h => !h.Value.TryGetTarget(out var _)).ToList()) held.Remove(gone);
            if (await load() is not { } loaded) return null;
            held[digest] = new WeakReference<byte[]>(loaded);
            return loaded;
        }
        finally
        {
            loading.Release();
        }
    }

    public void Dispose() => loading.Dispose();
}
