using System.IO.Pipelines;

namespace Berth.Distribution;

/// <summary>Sends content that is in memory.</summary>
internal static class AnswerBody
{
    /// <summary>As much as the server buffers for one client.</summary>
    public const int PieceBytes = 64 * 1024;

    /// <summary>
    /// Sends the content in pieces. A single write would copy all of it before it waits for the client, and clients
    /// that don't read would hold a copy each.
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
