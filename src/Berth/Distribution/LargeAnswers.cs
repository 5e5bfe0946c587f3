using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Bounds the memory of large answers while their clients read them (<c>limits.manifestmemorybytes</c>): each is in
/// memory as a whole, for as long as its client takes. All readers of a manifest share its bytes.
/// </summary>
internal sealed class LargeAnswers(LimitSettings limits)
{
    private readonly long mostBytes = Math.Max(
        Math.Min(limits.ManifestMemoryBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 16),
        2 * limits.ManifestBytes);
    private readonly Lock changing = new();
    private readonly Dictionary<Digest, Shared> manifests = [];
    private long used;

    /// <summary>How many bytes are in use now.</summary>
    public long UsedBytes => Volatile.Read(ref used);

    /// <summary>Room for an answer until the caller disposes it; null if other answers take all the room.</summary>
    public Hold? TryHold(ReadOnlyMemory<byte> answer)
    {
        lock (changing) return TryTake(answer.Length) ? new Hold(this, answer, manifest: null) : null;
    }

    /// <summary>The same for a manifest.</summary>
    public Hold? TryHold(Digest digest, byte[] body)
    {
        lock (changing)
        {
            if (!manifests.TryGetValue(digest, out var shared))
            {
                if (!TryTake(body.Length)) return null;
                manifests.Add(digest, shared = new Shared(digest, body));
            }

            shared.Readers++;
            return new Hold(this, shared.Body, shared);
        }
    }

    /// <summary>The refusal, for an answer whose headers were set already.</summary>
    public static RegistryError NoRoom(HttpResponse response)
    {
        response.Headers.ETag = default;
        response.Headers.Link = default;
        return RegistryError.TooManyRequests(
            "other clients are reading large answers, which use all the memory for them (limits.manifestmemorybytes)");
    }

    private bool TryTake(long bytes)
    {
        if (used + bytes > mostBytes) return false;
        used += bytes;
        return true;
    }

    private void Release(Hold hold)
    {
        lock (changing)
        {
            if (hold.Manifest is { } shared)
            {
                if (--shared.Readers > 0) return;
                manifests.Remove(shared.Digest);
            }

            used -= hold.Bytes.Length;
        }
    }

    /// <summary>An answer that has room.</summary>
    internal sealed class Hold(LargeAnswers answers, ReadOnlyMemory<byte> bytes, Shared? manifest) : IDisposable
    {
        private bool isDisposed;

        public ReadOnlyMemory<byte> Bytes => bytes;

        internal Shared? Manifest => manifest;

        public void Dispose()
        {
            if (isDisposed) return;
            isDisposed = true;
            answers.Release(this);
        }
    }

    /// <summary>A manifest that clients are reading.</summary>
    internal sealed class Shared(Digest digest, byte[] body)
    {
        public Digest Digest => digest;

        public byte[] Body => body;

        public int Readers { get; set; }
    }
}
