using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Berth.Transport;

/// <summary>
/// An HTTP/1.0 request without a length has no body (RFC 9112, 6.3). Kestrel refuses such a POST or PUT, so this adds
/// <c>Content-Length: 0</c>. Only the first request of a connection is examined: clients of HTTP/1.0, such as nginx by
/// default, send only one.
/// </summary>
internal sealed class Http10Input : PipeReader
{
    /// <summary>If the headers are longer, they are left to Kestrel, in bytes.</summary>
    private const int MostHeadBytes = 16 * 1024;

    private readonly PipeReader received;
    private PipeReader inner;
    private bool isDecided;
    private ReadOnlySequence<byte>? hidden;

    private Http10Input(PipeReader received) => this.received = inner = received;

    public static void Attach(ListenOptions endpoint) => endpoint.Use(next => connection =>
    {
        connection.Transport = new Duplex(new Http10Input(connection.Transport.Input), connection.Transport.Output);
        return next(connection);
    });

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        isDecided ? inner.ReadAsync(cancellationToken) : ReadFirstAsync(cancellationToken);

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
        if (!isDecided) result = Look(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (hidden is { } all)
        {
            // Kestrel saw an incomplete head. It is called again when more arrives, and then sees everything.
            hidden = null;
            inner.AdvanceTo(all.Start, all.End);
            return;
        }

        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        inner.Complete(exception);
        if (inner != received) received.Complete(exception);
    }

    private async ValueTask<ReadResult> ReadFirstAsync(CancellationToken cancellationToken) =>
        Look(await inner.ReadAsync(cancellationToken));

    private ReadResult Look(ReadResult result)
    {
        var head = new SequenceReader<byte>(result.Buffer);
        if (!head.TryReadTo(out ReadOnlySequence<byte> line, "\r\n"u8))
        {
            // Kestrel does not use a line without its end.
            isDecided = result.IsCompleted || result.Buffer.Length > MostHeadBytes;
            return result;
        }

        isDecided = true;
        if (!IsHttp10WithBody(line)) return result;
        head.Rewind(2);
        if (!head.TryReadTo(out ReadOnlySequence<byte> headers, "\r\n\r\n"u8))
        {
            if (result.IsCompleted || result.Buffer.Length > MostHeadBytes) return result;
            isDecided = false;
            hidden = result.Buffer;
            return new ReadResult(line, result.IsCanceled, isCompleted: false);
        }

        if (StatesLength(headers)) return result;
        byte[] stated =
        [
            .. result.Buffer.Slice(0, head.Consumed - 2).ToArray(), .. "Content-Length: 0\r\n\r\n"u8,
            .. result.Buffer.Slice(head.Consumed).ToArray(),
        ];
        inner.AdvanceTo(result.Buffer.End);
        inner = Create(new ReadOnlySequence<byte>(stated));
        return new ReadResult(inner.TryRead(out var first) ? first.Buffer : default, result.IsCanceled, false);
    }

    private static bool IsHttp10WithBody(ReadOnlySequence<byte> line)
    {
        if (line.Length < "PUT / HTTP/1.0".Length) return false;
        Span<byte> ends = stackalloc byte[5 + 9];
        line.Slice(0, 5).CopyTo(ends);
        line.Slice(line.Length - 9).CopyTo(ends[5..]);
        return ends[5..].SequenceEqual(" HTTP/1.0"u8)
            && (ends[..5].SequenceEqual("POST "u8) || ends[..4].SequenceEqual("PUT "u8));
    }

    private static bool StatesLength(ReadOnlySequence<byte> headers)
    {
        var text = Encoding.Latin1.GetString(headers);
        return text.Contains("\r\nContent-Length", StringComparison.OrdinalIgnoreCase)
            || text.Contains("\r\nTransfer-Encoding", StringComparison.OrdinalIgnoreCase);
    }
}
