using System.Security.Cryptography;
using System.Text;
using Berth.Oci;

namespace Berth.Distribution;

/// <summary>
/// Several ranges of a blob in one answer, <c>multipart/byteranges</c> (RFC 9110, 14.6). The bytes between the parts
/// are built before anything is sent, so the answer has a Content-Length.
/// </summary>
internal sealed class MultipartRanges
{
    private readonly IReadOnlyList<ByteRange> parts;
    private readonly string boundary = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
    private readonly byte[][] heads;
    private readonly byte[] end;

    /// <param name="parts">At least two, none of which touch.</param>
    /// <param name="length">The blob's length in bytes.</param>
    public MultipartRanges(IReadOnlyList<ByteRange> parts, long length)
    {
        this.parts = parts;
        heads = [.. parts.Select((part, i) => Encoding.ASCII.GetBytes(
            $"{(i == 0 ? "" : "\r\n")}--{boundary}\r\nContent-Type: {MediaTypes.OctetStream}\r\n"
            + $"Content-Range: {part.HeaderOf(length)}\r\n\r\n"))];
        end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
    }

    /// <summary>Sends the answer, each part by <paramref name="send"/>.</summary>
    public async Task SendAsync(V2Request request, Func<ByteRange, Task> send)
    {
        var response = request.Response;
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = end.Length + heads.Sum(head => (long)head.Length) + parts.Sum(part => part.Count);
        for (var i = 0; i < parts.Count && !request.Aborted.IsCancellationRequested; i++)
        {
            await response.BodyWriter.WriteAsync(heads[i], request.Aborted);
            await send(parts[i]);
        }

        if (!request.Aborted.IsCancellationRequested) await response.BodyWriter.WriteAsync(end, request.Aborted);
    }
}
