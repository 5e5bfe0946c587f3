using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Berth.Tests.Servers;

/// <summary>The start line and headers of an HTTP/1.1 message, and the very bytes they came as.</summary>
internal sealed class HttpHead
{
    private readonly string[] lines;

    public HttpHead(byte[] bytes)
    {
        Bytes = bytes;
        lines = Encoding.Latin1.GetString(bytes).TrimEnd('\r', '\n').Split("\r\n");
    }

    public byte[] Bytes { get; }

    public string StartLine => lines[0];

    /// <summary>The status of an answer.</summary>
    public int Status => int.Parse(StartLine.Split(' ')[1], CultureInfo.InvariantCulture);

    public bool IsChunked => Header("Transfer-Encoding").Contains("chunked", StringComparison.OrdinalIgnoreCase);

    public bool ExpectsContinue => Header("Expect").Equals("100-continue", StringComparison.OrdinalIgnoreCase);

    public bool Closes => Header("Connection").Equals("close", StringComparison.OrdinalIgnoreCase);

    /// <summary>Null when there is no such header.</summary>
    public long? ContentLength =>
        Header("Content-Length") is { Length: > 0 } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;

    private string Header(string name) => lines
        .Skip(1)
        .Select(line => line.Split(':', 2))
        .Where(parts => parts.Length == 2 && parts[0].Equals(name, StringComparison.OrdinalIgnoreCase))
        .Select(parts => parts[1].Trim())
        .FirstOrDefault("");
}

/// <summary>
/// Reads HTTP/1.1 messages off a connection (RFC 9112, section 6) and hands their bytes on as they came.
/// </summary>
internal sealed class HttpFraming(Stream stream)
{
    private static readonly byte[] HeadEnd = "\r\n\r\n"u8.ToArray();
    private static readonly byte[] LineEnd = "\r\n"u8.ToArray();

    private readonly PipeReader reader = PipeReader.Create(stream);

    /// <summary>The next message's head, or null when the connection ended before it.</summary>
    public async Task<HttpHead?> ReadHeadAsync(CancellationToken cancellationToken) =>
        await ReadToAsync(HeadEnd, cancellationToken) is { } bytes ? new HttpHead(bytes) : null;

    /// <summary>Hands a request's body on.</summary>
    public Task CopyRequestBodyAsync(
        HttpHead head, Func<ReadOnlyMemory<byte>, Task> send, CancellationToken cancellationToken) =>
        head.IsChunked
            ? CopyChunksAsync(send, cancellationToken)
            : CopyAsync(head.ContentLength ?? 0, send, cancellationToken);

    /// <summary>Hands an answer's body on.</summary>
    /// <param name="toHead">It answers a HEAD, and so has no body whatever its headers say.</param>
    /// <returns>False when the end of the connection was the body's end.</returns>
    public async Task<bool> CopyAnswerBodyAsync(
        HttpHead head, bool toHead, Func<ReadOnlyMemory<byte>, Task> send, CancellationToken cancellationToken)
    {
        if (toHead || head.Status is 204 or 304) return true;
        if (head.IsChunked)
        {
            await CopyChunksAsync(send, cancellationToken);
            return true;
        }

        await CopyAsync(head.ContentLength ?? long.MaxValue, send, cancellationToken);
        return head.ContentLength is not null;
    }

    private async Task CopyChunksAsync(Func<ReadOnlyMemory<byte>, Task> send, CancellationToken cancellationToken)
    {
        while (true)
        {
            var line = await ReadToAsync(LineEnd, cancellationToken) ?? throw new EndOfStreamException();
            await send(line);
            var size = Encoding.Latin1.GetString(line).Split(';')[0].Trim();
            var length = long.Parse(size, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0) break;
            await CopyAsync(length + LineEnd.Length, send, cancellationToken);
        }

        // Trailers, and the empty line after them.
        byte[] trailer;
        do
        {
            trailer = await ReadToAsync(LineEnd, cancellationToken) ?? throw new EndOfStreamException();
            await send(trailer);
        }
        while (trailer.Length > LineEnd.Length);
    }

    /// <param name="count">Bytes, or <see cref="long.MaxValue"/> for all until the connection ends.</param>
    private async Task CopyAsync(
        long count, Func<ReadOnlyMemory<byte>, Task> send, CancellationToken cancellationToken)
    {
        var left = count;
        while (left > 0)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var part = read.Buffer.Slice(0, Math.Min(left, read.Buffer.Length));
            foreach (var memory in part) await send(memory);
            left -= part.Length;
            reader.AdvanceTo(part.End);
            if (!read.IsCompleted || left == 0 || read.Buffer.Length > part.Length) continue;
            if (count == long.MaxValue) return;
            throw new EndOfStreamException();
        }
    }

    /// <summary>Everything up to the mark and with it, or null when the connection ended at once.</summary>
    private async Task<byte[]?> ReadToAsync(byte[] mark, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var sequence = new SequenceReader<byte>(read.Buffer);
            if (sequence.TryReadTo(out ReadOnlySequence<byte> _, mark, advancePastDelimiter: true))
            {
                var bytes = read.Buffer.Slice(0, sequence.Position).ToArray();
                reader.AdvanceTo(sequence.Position);
                return bytes;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (!read.IsCompleted) continue;
            return read.Buffer.IsEmpty ? null : throw new EndOfStreamException();
        }
    }
}
