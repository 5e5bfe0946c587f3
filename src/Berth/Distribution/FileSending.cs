using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Win32.SafeHandles;

namespace Berth.Distribution;

/// <summary>
/// Sends parts of files with sendfile(2) on HTTP/1.1 connections without TLS, so that a blob's bytes never pass through
/// this process. Kestrel has no such call; this is how it is taught one:
/// <code>
///   handler            Kestrel                    this writer          transport's pipe     socket
///   1. StartAsync ───► writes the head ─────────► passes it on ──────► sends it ──────────► head
///   2. FlushAsync ───► waits ───────────────────► passes it on ──────► returns when empty
///   3. SendPacketsAsync ──────────────────────────────────────────────────────────────────► body, by the kernel
///   4. Advance(n) ───► counts n body bytes ─────► drops them
/// </code>
/// Step 2 relies on a transport whose pipe pauses at its second byte (<see cref="TransportWriteBufferBytes"/>): a flush
/// then returns only once the socket has taken everything. Step 4 keeps Kestrel's count of Content-Length right, and so
/// keep-alive and pipelined requests.
/// </summary>
internal sealed class FileSending
{
    /// <summary>The transport's MaxWriteBufferSize, in bytes, that makes a flush wait for the socket.</summary>
    public const long TransportWriteBufferBytes = 2;

    /// <summary>Smaller parts are cheaper to copy than to send on their own, in bytes.</summary>
    private const long MinimumBytes = 64 * 1024;

    /// <summary>One call to sendfile(2) takes less than 2 GiB.</summary>
    private const int SliceBytes = 1 << 30;

    /// <summary>A client that takes no byte for so long is gone: Kestrel can't watch what it does not send.</summary>
    private const int StallMilliseconds = 120_000;

    private const int TcpLevel = 6;
    private const int TcpUserTimeout = 18;

    private readonly Socket socket;
    private readonly DiscardingWriter writer;
    private bool isWatched;

    private FileSending(Socket socket, DiscardingWriter writer) => (this.socket, this.writer) = (socket, writer);

    /// <summary>Prepares the connections of an endpoint without TLS.</summary>
    public static void Attach(ListenOptions endpoint) => endpoint.Use(next => connection =>
    {
        if (OperatingSystem.IsLinux() && connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            var writer = new DiscardingWriter(connection.Transport.Output);
            connection.Transport = new Duplex(connection.Transport.Input, writer);
            connection.Features.Set(new FileSending(socket, writer));
        }

        return next(connection);
    });

    /// <summary>
    /// Sends the part as the response's body, whose Content-Length must be set to <paramref name="count"/>. False, with
    /// nothing done, where this connection or a part so small takes the ordinary way.
    /// </summary>
    /// <exception cref="EndOfStreamException">The file ended early; the connection has to be cut.</exception>
    public static async ValueTask<bool> TrySendAsync(HttpContext http, SafeFileHandle file, long offset, long count)
    {
        if (count < MinimumBytes || !HttpProtocol.IsHttp11(http.Request.Protocol)) return false;
        if (http.Features.Get<FileSending>() is not { } sending) return false;
        await http.Response.StartAsync();
        await http.Response.BodyWriter.FlushAsync();
        try
        {
            await sending.SendAsync(file, offset, count);
        }
        catch (Exception e) when (e is SocketException || !sending.socket.Connected)
        {
            // The client went away, or took nothing for too long: there is nobody left to tell.
            http.Abort();
            return true;
        }

        sending.writer.IsDiscarding = true;
        for (var left = count; left > 0; left -= SliceBytes)
        {
            http.Response.BodyWriter.GetMemory();
            http.Response.BodyWriter.Advance((int)Math.Min(left, SliceBytes));
        }

        await http.Response.BodyWriter.FlushAsync();
        sending.writer.IsDiscarding = false;
        return true;
    }

    private async Task SendAsync(SafeFileHandle file, long offset, long count)
    {
        if (!isWatched)
        {
            socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, BitConverter.GetBytes(StallMilliseconds));
            isWatched = true;
        }

        // Not disposed: the handle is the caller's.
        var stream = new FileStream(file, FileAccess.Read, bufferSize: 0, isAsync: true);
        using var packets = new PacketSending();
        while (count > 0)
        {
            var slice = (int)Math.Min(count, SliceBytes);
            if (offset + slice > RandomAccess.GetLength(file))
            {
                throw new EndOfStreamException("the blob's file is shorter than it was");
            }

            await packets.SendAsync(socket, new SendPacketsElement(stream, offset, slice));
            offset += slice;
            count -= slice;
        }
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }

    /// <summary>Passes everything on, but for the bytes that went out another way.</summary>
    private sealed class DiscardingWriter(PipeWriter inner) : PipeWriter
    {
        private static readonly byte[] Scrap = new byte[4096];

        public bool IsDiscarding { get; set; }

        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes)
        {
            if (!IsDiscarding) inner.Advance(bytes);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) =>
            IsDiscarding ? Scrap : inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => IsDiscarding ? Scrap : inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            inner.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }

    /// <summary>SendPacketsAsync as a task.</summary>
    private sealed class PacketSending : SocketAsyncEventArgs
    {
        private TaskCompletionSource sent = new();

        public async Task SendAsync(Socket socket, SendPacketsElement element)
        {
            sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            SendPacketsElements = [element];
            if (socket.SendPacketsAsync(this)) await sent.Task;
            if (SocketError != SocketError.Success) throw new SocketException((int)SocketError);
        }

        protected override void OnCompleted(SocketAsyncEventArgs e) => sent.TrySetResult();
    }
}
