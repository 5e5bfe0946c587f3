using System.Net;
using Berth.Oci;

namespace Berth.Import;

/// <summary>
/// Reads a blob of another registry. Where a connection breaks or stalls it goes on with another one; it ends with the
/// length that was promised, or fails.
/// </summary>
internal sealed class SourceBlob : IAsyncDisposable
{
    /// <summary>Connections in a row that bring nothing.</summary>
    private const int MaxFailures = 5;

    /// <summary>Connections in all: more is a source that sends drops.</summary>
    private const int MaxConnections = 200;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    private readonly SourceClient client;
    private readonly string repository;
    private readonly Digest digest;
    private readonly long sizeBytes;
    private HttpResponseMessage? answer;
    private Stream? stream;
    private long offset;
    private int failures;
    private int connections;

    private SourceBlob(SourceClient client, string repository, Digest digest, long sizeBytes) =>
        (this.client, this.repository, this.digest, this.sizeBytes) = (client, repository, digest, sizeBytes);

    /// <summary>Opens a blob; null if the registry has none.</summary>
    /// <exception cref="SourceException">It has another length, or can't be read.</exception>
    public static async Task<SourceBlob?> OpenAsync(
        SourceClient client, string repository, Digest digest, long sizeBytes, CancellationToken cancellation)
    {
        var blob = new SourceBlob(client, repository, digest, sizeBytes);
        try
        {
            if (await blob.ConnectAsync(cancellation)) return blob;
        }
        catch
        {
            await blob.DisposeAsync();
            throw;
        }

        await blob.DisposeAsync();
        return null;
    }

    /// <summary>Reads some bytes; 0 at the end.</summary>
    /// <exception cref="SourceException">It is longer or shorter than it should be, or can't be read.</exception>
    public async Task<int> ReadAsync(Memory<byte> memory, CancellationToken cancellation)
    {
        while (true)
        {
            if (stream is null && !await ConnectAsync(cancellation))
                throw new SourceException($"{client.Host} has no {digest} any more");
            var count = await ReadOnceAsync(memory, cancellation);
            if (count > 0)
            {
                (offset, failures) = (offset + count, 0);
                return offset <= sizeBytes ? count : throw Longer();
            }

            if (count == 0 && offset == sizeBytes) return 0;

            // What has no length may end early; what breaks is resumed.
            await CloseAsync();
            if (++failures > MaxFailures || connections >= MaxConnections)
            {
                throw new SourceException(
                    $"{digest} of {repository} breaks off at {client.Host} after {offset} of {sizeBytes} bytes");
            }

            await Task.Delay(SourceClient.DelayAfter(failures), cancellation);
        }
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    /// <summary>-1 if the connection broke or stalled.</summary>
    private async Task<int> ReadOnceAsync(Memory<byte> memory, CancellationToken cancellation)
    {
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        pause.CancelAfter(LongestPause);
        try
        {
            return await stream!.ReadAsync(memory, pause.Token);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException
            && !cancellation.IsCancellationRequested)
        {
            return -1;
        }
    }

    private async Task<bool> ConnectAsync(CancellationToken cancellation)
    {
        connections++;
        answer = await client.SendAsync(
            HttpMethod.Get, $"{repository}/blobs/{digest}", repository, offset, cancellation);
        if (answer.StatusCode == HttpStatusCode.NotFound && offset == 0) return false;
        if (!answer.IsSuccessStatusCode) throw await client.ExplainAsync(answer, cancellation);
        if (answer.Content.Headers.ContentEncoding.Any(one => one != "identity"))
            throw new SourceException($"{client.Host} compresses {digest} on its way: its bytes are not those stored");
        var isRest = answer.StatusCode == HttpStatusCode.PartialContent;
        if (isRest && answer.Content.Headers.ContentRange?.From != offset)
            throw new SourceException($"{client.Host} sends another part of {digest} than it was asked for");
        var skipped = isRest ? 0 : offset;
        if (answer.Content.Headers.ContentLength is { } length && length != sizeBytes - offset + skipped)
        {
            throw new SourceException(
                $"{digest} has {length + offset - skipped} bytes at {client.Host}, and its manifest says {sizeBytes}");
        }

        stream = await answer.Content.ReadAsStreamAsync(cancellation);
        return skipped == 0 || await SkipAsync(skipped, cancellation);
    }

    /// <summary>From a registry that can't send the rest alone, what is known is read again.</summary>
    private async Task<bool> SkipAsync(long count, CancellationToken cancellation)
    {
        var buffer = new byte[64 << 10];
        while (count > 0)
        {
            var read = await ReadOnceAsync(buffer.AsMemory(0, (int)Math.Min(count, buffer.Length)), cancellation);
            if (read <= 0)
            {
                await CloseAsync();
                stream = Stream.Null;
                return true;
            }

            count -= read;
        }

        return true;
    }

    private SourceException Longer() =>
        new($"{digest} is longer at {client.Host} than the {sizeBytes} bytes that its manifest says");

    private async ValueTask CloseAsync()
    {
        if (stream is not null) await stream.DisposeAsync();
        answer?.Dispose();
        (stream, answer) = (null, null);
    }
}
