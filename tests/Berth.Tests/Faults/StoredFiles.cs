namespace Berth.Tests.Faults;

/// <summary>The store's files, to be looked at and damaged.</summary>
internal static class StoredFiles
{
    public static string BlobIn(string dataFolder, TestBlob blob)
    {
        var hex = blob.Digest["sha256:".Length..];
        return Path.Combine(dataFolder, "blobs", "sha256", hex[..2], hex);
    }

    /// <summary>Flips one bit in the middle; length and name stay.</summary>
    public static void Alter(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2;
        var old = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(old ^ 1));
    }

    public static void Truncate(string path, long lengthBytes)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        RandomAccess.SetLength(file, lengthBytes);
    }

    public static int UploadsIn(string dataFolder) => Directory.GetFiles(Path.Combine(dataFolder, "uploads")).Length;
}
