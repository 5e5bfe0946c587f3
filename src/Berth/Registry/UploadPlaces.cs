using Berth.Settings;

namespace Berth.Registry;

/// <summary>Bounds how many uploads are written at once (<c>limits.concurrentuploads</c>).</summary>
internal sealed class UploadPlaces(LimitSettings limits) : IDisposable
{
    private readonly SemaphoreSlim free = new(limits.ConcurrentUploads);

    /// <summary>A place, to be given back with Dispose; null where all are taken.</summary>
    public IDisposable? TryTake() => free.Wait(0) ? new Place(free) : null;

    public void Dispose() => free.Dispose();

    private sealed class Place(SemaphoreSlim free) : IDisposable
    {
        public void Dispose() => free.Release();
    }
}
