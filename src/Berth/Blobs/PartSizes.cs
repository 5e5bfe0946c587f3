namespace Berth.Blobs;

/// <summary>
/// The sizes of an upload's parts. S3 allows 10,000 of them, Azure 50,000. At 10 MiB, 10,000 would be 98 GiB. So every
/// 48th part is 1 MiB larger than the one before: this allows 1.1 TiB with parts of at most 218 MiB, and keeps the
/// parts of typical blobs small. The size depends on the part number alone, so a request that resumes an upload cuts
/// the same bytes into the same parts.
/// </summary>
/// <param name="firstBytes">The size of the first parts.</param>
/// <param name="memoryBytes">The memory that parts of all uploads share.</param>
/// <param name="areEqual">Whether all parts but the last have the first one's size.</param>
internal sealed class PartSizes(long firstBytes, long memoryBytes, bool areEqual = false)
{
    /// <summary>The limit of S3, the lower one.</summary>
    public const int MaximumParts = 10_000;

    /// <summary>S3's minimum for any part but the last, in bytes.</summary>
    public const long LeastBytes = 5 << 20;

    private const long StepBytes = 1 << 20;
    private const int PartsPerStep = 48;

    public bool AreEqual => areEqual;

    /// <summary>The size of a part in bytes.</summary>
    /// <param name="number">From 1.</param>
    public long SizeOf(int number) => areEqual
        ? firstBytes
        : Math.Max(firstBytes, Math.Min(firstBytes + ((number - 1) / PartsPerStep * StepBytes), memoryBytes));
}
