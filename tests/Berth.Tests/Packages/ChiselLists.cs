using System.Text;
using ZstdSharp;

namespace Berth.Tests.Packages;

/// <summary>Lists of packages as Chisel writes them.</summary>
internal static class ChiselLists
{
    /// <summary>A whole one.</summary>
    public static byte[] Pack(params string[] lines) => PackText(
        string.Join('\n', [$$"""{"jsonwall":"1.0","schema":"1.0","count":{{lines.Length + 1}}}""", .. lines, ""]));

    public static byte[] PackText(string text)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(Encoding.UTF8.GetBytes(text)).ToArray();
    }
}
