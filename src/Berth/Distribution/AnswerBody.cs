using System.IO.Pipelines;

namespace Berth.Distribution;

/// <summary>Sends what is in memory already.</summary>
internal static class AnswerBody
{
    /// <summary>As much as the server holds for one client.</summary>
    public const int PieceBytes = 64 * 1024;

    /// <summary>
    /// In pieces: a single write would copy all of it before it waits for the client, once for each client that does
    /// not read.
    /// </summary>
    public static async Task SendAsync(
        PipeWriter output, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        while (content.Length > PieceBytes)
        {
            await output.WriteAsync(content[..PieceBytes], cancellation);
            content = content[PieceBytes..];
        }

        await output.WriteAsync(content, cancellation);
    }
}
