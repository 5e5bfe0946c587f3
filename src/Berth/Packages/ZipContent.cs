namespace Berth.Packages;

/// <summary>Takes small files out of archives.</summary>
internal static class ZipContent
{
    /// <exception cref="InvalidDataException">It is longer than it may be.</exception>
    public static MemoryStream Read(Stream unpacked, int maxBytes)
    {
        var (memory, piece) = (new MemoryStream(), new byte[4096]);
        while (unpacked.Read(piece) is > 0 and var count)
        {
            memory.Write(piece, 0, count);
            if (memory.Length > maxBytes) throw new InvalidDataException();
        }

        memory.Position = 0;
        return memory;
    }
}
