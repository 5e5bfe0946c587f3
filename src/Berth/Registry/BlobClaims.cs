using System.Runtime.InteropServices;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// Which blobs requests of this process are about to link, and which it is deleting: never both at once.
/// </summary>
internal sealed class BlobClaims
{
    private readonly Lock changing = new();
    private readonly Dictionary<Digest, int> becoming = [];
    private readonly Dictionary<Digest, TaskCompletionSource> deleting = [];

    /// <summary>Keeps a blob from being deleted until the claim is disposed, after its deletion if that has begun.
    /// </summary>
    public async ValueTask<IDisposable> BeginAsync(Digest digest, CancellationToken cancellation)
    {
        while (true)
        {
            Task ended;
            lock (changing)
            {
                if (!deleting.TryGetValue(digest, out var deletion))
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(becoming, digest, out _)++;
                    return new Claim(this, digest);
                }

                ended = deletion.Task;
            }

            await ended.WaitAsync(cancellation);
        }
    }

    public bool TryBeginDeleting(Digest digest)
    {
        lock (changing)
        {
            return !becoming.ContainsKey(digest) && deleting.TryAdd(
                digest, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    public void EndDeleting(Digest digest)
    {
        lock (changing)
        {
            if (deleting.Remove(digest, out var deletion)) deletion.SetResult();
        }
    }

    private void End(Digest digest)
    {
        lock (changing)
        {
            if (--CollectionsMarshal.GetValueRefOrAddDefault(becoming, digest, out _) == 0) becoming.Remove(digest);
        }
    }

    private sealed class Claim(BlobClaims claims, Digest digest) : IDisposable
    {
        private bool isEnded;

        public void Dispose()
        {
            if (isEnded) return;
            isEnded = true;
            claims.End(digest);
        }
    }
}
