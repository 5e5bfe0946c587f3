using System.Globalization;
using Berth.Blobs;
using Berth.Oci;

namespace Berth.Lifecycle;

/// <summary>How far a blob was read in an earlier turn, perhaps on another node.</summary>
/// <param name="Digest">The blob.</param>
/// <param name="Offset">The first byte that was not read.</param>
/// <param name="Hash">What <see cref="ResumableHash.Save"/> wrote.</param>
internal sealed record ReadPart(Digest Digest, long Offset, string Hash);

/// <summary>
/// Where a pass over all blobs is, in the order of their digests: <c>last</c>, or <c>last digest offset hash</c> within
/// a blob.
/// </summary>
/// <param name="Last">The last one that was read to its end; empty before the first.</param>
/// <param name="Part">The one that was not.</param>
internal sealed record ReadPosition(string Last, ReadPart? Part = null)
{
    /// <summary>
    /// About how much of all that is, from 0 to 1: digests are spread evenly. Those of sha512, which are rare, come
    /// last.
    /// </summary>
    public double Share => !Digest.TryParse(Last, out var digest) ? 0
        : digest.Algorithm == DigestAlgorithm.Sha256
            ? int.Parse(digest.Hex.AsSpan(0, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 65536.0 : 1;

    public static ReadPosition Parse(string text) => text.Split(' ') is [var last, var digest, var offset, var hash]
        && Digest.TryParse(digest, out var parsed)
        && long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var read)
            ? new ReadPosition(last, new ReadPart(parsed, read, hash)) : new ReadPosition(text.Split(' ')[0]);

    public override string ToString() => Part is null ? Last
        : string.Create(CultureInfo.InvariantCulture, $"{Last} {Part.Digest} {Part.Offset} {Part.Hash}");
}

/// <summary>Reads blobs no faster than told, and stops within a large one when the turn is over.</summary>
/// <param name="bytesPerSecond">The most that is read.</param>
/// <param name="longest">How long the turn may take.</param>
/// <param name="clock">The time.</param>
internal sealed class PacedReading(long bytesPerSecond, TimeSpan longest, TimeProvider clock)
{
    private const int PieceBytes = 4 << 20;

    private readonly long began = clock.GetTimestamp();

    public bool IsOver => clock.GetElapsedTime(began) >= longest;

    /// <summary>Reads a blob, from where an earlier turn stopped.</summary>
    /// <param name="content">The blob.</param>
    /// <param name="digest">Its digest.</param>
    /// <param name="from">Where an earlier turn stopped, in this blob or another.</param>
    /// <param name="mayStop">False to read it to its end.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <returns>What its digest is, or how far it was read; and how many bytes were read now.</returns>
    public async Task<(Digest? Found, ReadPart? Part, long Bytes)> ReadAsync(
        BlobContent content, Digest digest, ReadPart? from, bool mayStop, CancellationToken cancellation)
    {
        var resumed = from is not null && from.Digest == digest && from.Offset <= content.Length
            ? ResumableHash.Resume(from.Hash) : null;
        using var hash = resumed ?? ResumableHash.Start(digest.Algorithm);
        var first = resumed is null ? 0 : from!.Offset;
        for (var offset = first; offset < content.Length;)
        {
            var count = (int)Math.Min(PieceBytes, content.Length - offset);
            await content.HashAsync(hash, offset, count, cancellation);
            offset += count;
            await Task.Delay(TimeSpan.FromSeconds((double)count / bytesPerSecond), clock, cancellation);
            if (mayStop && offset < content.Length && IsOver && hash.Save() is { } state)
                return (null, new ReadPart(digest, offset, state), offset - first);
        }

        return (hash.Current(), null, content.Length - first);
    }
}
