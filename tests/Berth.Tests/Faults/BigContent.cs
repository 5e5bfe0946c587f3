using System.Net;
using System.Security.Cryptography;

namespace Berth.Tests.Faults;

/// <summary>
/// A big blob that is never in memory as a whole: a number, then the same block again and again. May break off, like a
/// client that loses its network.
/// </summary>
internal sealed class BigContent : HttpContent
{
    private static readonly byte[] Block = MakeBlock();
    private readonly int number;
    private readonly int blocks;
    private readonly int breaksOffAfter;

    public BigContent(int number, int mebibytes, int? breaksOffAfterMebibytes = null)
    {
        this.number = number;
        blocks = mebibytes;
        breaksOffAfter = breaksOffAfterMebibytes ?? int.MaxValue;
        Headers.ContentType = new("application/octet-stream");
    }

    public string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(number));
        for (var i = 0; i < blocks; i++) hash.AppendData(Block);
        return "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(BitConverter.GetBytes(number));
        for (var i = 0; i < blocks; i++)
        {
            if (i == breaksOffAfter) throw new IOException("the client's network went away");
            await stream.WriteAsync(Block);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = sizeof(int) + (long)blocks * Block.Length;
        return true;
    }

    private static byte[] MakeBlock()
    {
        var block = new byte[1024 * 1024];
        new Random(1).NextBytes(block);
        return block;
    }
}
