using System.Globalization;

namespace Berth.Blobs;

/// <summary>
/// The running hash of an upload in a folder, written down when its file is closed in order, so that whoever opens it
/// again need not read it again. It counts until the machine restarts: a power cut may take bytes that were hashed.
/// </summary>
internal static class FileUploadState
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private static readonly string? BootId = File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : null;

    /// <summary>One line of text; null where the hash can't be written down.</summary>
    /// <param name="hash">The hash.</param>
    /// <param name="hashed">How many bytes it has taken.</param>
    public static string? Write(ResumableHash hash, long hashed) =>
        BootId is not null && hashed > 0 && hash.Save() is { } saved
            ? string.Create(CultureInfo.InvariantCulture, $"{BootId} {hashed} {saved}")
            : null;

    /// <summary>The hash, and how many bytes it has taken; null where it does not fit a file of this length.</summary>
    public static (ResumableHash Hash, long Hashed)? Read(string? text, long length)
    {
        if (text?.Split(' ') is not [var boot, var number, var saved] || boot != BootId) return null;
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var hashed)
            && hashed <= length && ResumableHash.Resume(saved) is { } hash
                ? (hash, hashed)
                : null;
    }
}
