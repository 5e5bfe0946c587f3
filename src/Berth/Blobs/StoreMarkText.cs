using System.Text;

namespace Berth.Blobs;

/// <summary>How a store is marked: a small file or object, with the mark in its first line.</summary>
internal static class StoreMarkText
{
    public const string FileName = "berth.store";

    /// <summary>More than any mark is.</summary>
    public const int MostBytes = 1024;

    public static string Read(ReadOnlySpan<byte> content)
    {
        var text = Encoding.UTF8.GetString(content);
        var end = text.IndexOf('\n', StringComparison.Ordinal);
        return (end < 0 ? text : text[..end]).Trim();
    }

    public static byte[] Write(string mark) => Encoding.UTF8.GetBytes(
        $"{mark}\nThe database that these blobs belong to has the same mark. See docs/backup.md of Berth.\n");
}
