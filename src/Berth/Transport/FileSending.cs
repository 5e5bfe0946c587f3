using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Win32.SafeHandles;

namespace Berth.Transport;

/// <summary>
/// Sends parts of files with sendfile(2) on HTTP/1.1 connections without TLS, so that a blob's bytes never pass through
/// this process. Kestrel can't do this by itself; this is how it works around that:
/// <code>
///   handler            Kestrel                    this writer          transport's pipe     socket
///   1. StartAsync ───► writes the head ─────────► passes it on ──────► sends it ──────────► head
///   2. FlushAsync ───► waits ───────────────────► passes it on ──────► returns when empty
///   3. SendPacketsAsync ──────────────────────────────────────────────────────────────────► body, by the kernel
///   4. Advance(n) ───► counts n body bytes ─────► drops them
/// </code>
/// Step 2 relies on a transport whose pipe pauses at its second byte (<see cref="TransportWriteBufferBytes"/>): a flush
/// then returns only once the socket has taken everything. During step 3 Kestrel enforces no timeout, so <see
/// cref="OpenConnections"/> cuts off a client that reads nothing for <c>limits.readerstalltimeout</c>. Step 4 keeps
/// Kestrel's count of Content-Length right, and with it keep-alive and pipelining.
/// </summary>
internal sealed class FileSending
{
    /// <summary>The transport's MaxWriteBufferSize, in bytes, that makes a flush wait for the socket.</summary>
    public const long TransportWriteBufferBytes = 2;

    /// <summary>Smaller parts are cheaper to copy than to send on their own, in bytes.</summary>
    public const long MinimumBytes = 64 * 1024;

    /// <summary>One call to sendfile(2) takes less than 2 GiB.</summary>
    private const int SliceBytes = 1 << 30;

    private readonly Socket socket;
    private readonly DiscardingWriter writer;
    private readonly OpenConnection? connection;

    private FileSending(Socket socket, DiscardingWriter writer, OpenConnection? connection) =>
        (this.socket, this.writer, this.connection) = (socket, writer, connection);

    /// <summary>Prepares the connections of an endpoint without TLS.</summary>
    public static void Attach(ListenOptions endpoint) => endpoint.Use(next => connection =>
    {
        if (OperatingSystem.IsLinux() && connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            var writer = new DiscardingWriter(connection.Transport.Output);
            connection.Transport = new Duplex(connection.Transport.Input, writer);
            connection.Features.Set(new FileSending(socket, writer, connection.Features.Get<OpenConnection>()));
        }

        return next(connection);
    });

    /// <summary>
    /// Sends the part as the response's body, whose Content-Length must be set to <paramref name="count"/>. False, with
    /// nothing sent, if this connection or so small a part takes the ordinary way.
    /// </summary>
    /// <exception cref="EndOfStreamException">
    /// The file ended early: the connection has to be cut, so that the client does not take it for the whole.
    /// </exception>
    public static async ValueTask<bool> TrySendAsync(HttpContext http, SafeFileHandle file, long offset, long count)
    {
        if (count < MinimumBytes || !HttpProtocol.IsHttp11(http.Request.Protocol)) return false;
        if (http.Features.Get<FileSending>() is not { } sending) return false;
        await http.Response.StartAsync();
        await http.Response.BodyWriter.FlushAsync();
        var sent = await sending.SendAsync(file, offset, count);
        sending.Count(http, sent);
        if (sent == count)
        {
            await http.Response.BodyWriter.FlushAsync();
            sending.writer.IsDiscarding = false;
            return true;
        }

        // The writer keeps discarding: nothing that Kestrel may still write must follow a partial body.
        if (RandomAccess.GetLength(file) < offset + count)
        {
            throw new EndOfStreamException("the blob's file is shorter than it was");
        }

        http.Abort();
        return true;
    }

    /// <summary>Tells everyone who counts the body's bytes about those that bypassed them.</summary>
    private void Count(HttpContext http, long bytes)
    {
        writer.IsDiscarding = true;
        for (var left = bytes; left > 0; left -= SliceBytes)
        {
            http.Response.BodyWriter.GetMemory();
            http.Response.BodyWriter.Advance((int)Math.Min(left, SliceBytes));
        }
    }

    /// <summary>
    /// Returns how many bytes were sent: fewer than requested if the client went away, or the file ended early.
    /// </summary>
    private async Task<long> SendAsync(SafeFileHandle file, long offset, long count)
    {
        // Not disposed: the handle belongs to the caller.
        var stream = new FileStream(file, FileAccess.Read, bufferSize: 0, isAsync: true);
        using var packets = new PacketSending();
        var sent = 0L;
        try
        {
            connection?.BeginSending();
            while (sent < count)
            {
                var slice = (int)Math.Min(count - sent, SliceBytes);
                var taken = await packets.SendAsync(socket, new SendPacketsElement(stream, offset + sent, slice));
                sent += taken;
                if (taken < slice) break;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or NotSupportedException)
        {
            // The last two occur if Kestrel has closed the socket in the meantime.
        }
        finally
        {
            connection?.EndSending();
        }

        return sent;
    }

    /// <summary>Passes everything on, except for the bytes that were sent another way.</summary>
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

        /// <summary>
        /// Returns how many bytes were sent: fewer than requested if the client left or the file ended.
        /// </summary>
        public async Task<int> SendAsync(Socket socket, SendPacketsElement element)
        {
            sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            SendPacketsElements = [element];
            if (socket.SendPacketsAsync(this)) await sent.Task;
            return BytesTransferred;
        }

        protected override void OnCompleted(SocketAsyncEventArgs e) => sent.TrySetResult();
    }
}
