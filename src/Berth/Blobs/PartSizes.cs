using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// The sizes of an upload's parts. S3 allows 10,000 of them, which at 10 MiB would be 98 GiB. So every 48th part is 1
/// MiB larger than the one before: this allows 1.1 TiB with parts of at most 218 MiB, and keeps the parts of typical
/// blobs small. The size depends on the part number alone, so a request that resumes an upload cuts the same bytes into
/// the same parts.
/// </summary>
internal sealed class PartSizes(S3Settings settings)
{
    /// <summary>S3's limit.</summary>
    public const int MaximumParts = 10_000;

    /// <summary>S3's minimum for any part but the last, in bytes.</summary>
    public const long LeastBytes = 5 << 20;

    private const long StepBytes = 1 << 20;
    private const int PartsPerStep = 48;

    public bool AreEqual => settings.EqualParts;

    /// <summary>The size of a part in bytes.</summary>
    /// <param name="number">From 1.</param>
    public long SizeOf(int number) => AreEqual
        ? settings.ChunkSize
        : Math.Max(
            settings.ChunkSize,
            Math.Min(settings.ChunkSize + ((number - 1) / PartsPerStep * StepBytes), settings.UploadMemoryBytes));
}
