using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// Bounds the memory of large answers while their clients read them (<c>limits.manifestmemorybytes</c>): each is in
/// memory as a whole, for as long as its client takes. All readers of a manifest share its bytes, which are loaded only
/// once there is room for them.
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

    /// <summary>Takes room for an answer until the hold is disposed; null if there is no room.</summary>
    public Hold? TryHold(ReadOnlyMemory<byte> answer)
    {
        lock (changing)
        {
            return TryTake(answer.Length) ? new Hold(answer, () => Release(answer.Length)) : null;
        }
    }

    /// <summary>Sends an answer that is in memory, if there is room for it, while it is sent.</summary>
    public async Task<RegistryError?> SendAsync(
        V2Request request, string contentType, ReadOnlyMemory<byte> content)
    {
        var isLarge = content.Length > AnswerBody.PieceBytes;
        using var hold = isLarge ? TryHold(content) : null;
        if (isLarge && hold is null) return NoRoom(request.Response);
        request.Response.ContentType = contentType;
        request.Response.ContentLength = content.Length;
        await AnswerBody.SendAsync(request.Response.BodyWriter, content, request.Aborted);
        return null;
    }

    /// <summary>Room as <see cref="TryHold"/> takes it, for a manifest. The first of its readers loads it.</summary>
    /// <param name="digest">The manifest's digest.</param>
    /// <param name="bytes">Its size, in bytes.</param>
    /// <param name="load">Loads its bytes; null if the manifest is gone.</param>
    /// <param name="cancellation">Cancels the wait, not the load: others may be waiting for the same bytes.</param>
    public async ValueTask<Hold?> TryHoldAsync(
        Digest digest, long bytes, Func<ValueTask<byte[]?>> load, CancellationToken cancellation)
    {
        if (Enter(digest, bytes, load) is not { } shared) return null;
        try
        {
            var body = await shared.Body.WaitAsync(cancellation);
            return new Hold(body?.AsMemory(), () => Leave(shared));
        }
        catch
        {
            Leave(shared);
            throw;
        }
    }

    /// <summary>The error if there is no room. Removes headers that were set for the content.</summary>
    public static RegistryError NoRoom(HttpResponse response)
    {
        response.Headers.ETag = default;
        response.Headers.Link = default;
        return RegistryError.TooManyRequests(
            "other clients are reading large answers, which use all the memory for them (limits.manifestmemorybytes)");
    }

    private Shared? Enter(Digest digest, long bytes, Func<ValueTask<byte[]?>> load)
    {
        lock (changing)
        {
            if (!manifests.TryGetValue(digest, out var shared))
            {
                if (!TryTake(bytes)) return null;
                manifests.Add(digest, shared = new Shared(digest, bytes));
                shared.Body = LoadAsync(shared, load);
            }

            shared.Readers++;
            return shared;
        }
    }

    /// <summary>Counts as a reader: the room stays taken until the load ends, even if all clients have left.</summary>
    private async Task<byte[]?> LoadAsync(Shared shared, Func<ValueTask<byte[]?>> load)
    {
        shared.Readers++;
        await Task.Yield();
        try
        {
            return await load();
        }
        finally
        {
            Leave(shared);
        }
    }

    private void Leave(Shared shared)
    {
        lock (changing)
        {
            if (--shared.Readers > 0) return;
            manifests.Remove(shared.Digest);
            used -= shared.Bytes;
        }
    }

    private bool TryTake(long bytes)
    {
        if (used + bytes > mostBytes) return false;
        used += bytes;
        return true;
    }

    private void Release(long bytes)
    {
        lock (changing) used -= bytes;
    }

    /// <summary>An answer for which room was taken.</summary>
    internal sealed class Hold(ReadOnlyMemory<byte>? bytes, Action release) : IDisposable
    {
        private bool isDisposed;

        /// <summary>Null if the manifest is gone.</summary>
        public ReadOnlyMemory<byte>? Bytes => bytes;

        public void Dispose()
        {
            if (isDisposed) return;
            isDisposed = true;
            release();
        }
    }

    /// <summary>A manifest that clients are reading.</summary>
    private sealed class Shared(Digest digest, long bytes)
    {
        public Digest Digest => digest;

        public long Bytes => bytes;

        public Task<byte[]?> Body { get; set; } = null!;

        public int Readers { get; set; }
    }
}
