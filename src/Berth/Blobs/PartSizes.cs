using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// How large the parts of an upload are. S3 takes 10,000 of them. Those of 10 MiB would make 98 GiB; so every 48th
/// part is 1 MiB larger than the one before, which makes 1.1 TiB with parts of at most 218 MiB, and leaves the parts of
/// blobs of usual sizes small. The size follows from the number alone: a request that goes on where another broke off
/// cuts the same bytes into the same parts.
/// </summary>
internal sealed class PartSizes(S3Settings settings)
{
    /// <summary>What S3 takes.</summary>
    public const int MaximumParts = 10_000;

    /// <summary>What S3 takes for any part but the last, in bytes.</summary>
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
