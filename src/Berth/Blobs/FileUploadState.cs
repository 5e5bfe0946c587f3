using System.Globalization;

namespace Berth.Blobs;

/// <summary>
/// The running hash of an upload in a folder, saved when its file is closed cleanly, so that reopening it need not read
/// the file again. It is valid until the machine reboots: a power cut may lose bytes that were hashed.
/// </summary>
internal static class FileUploadState
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private static readonly string? BootId = File.Exists(BootIdFile) ? File.ReadAllText(BootIdFile).Trim() : null;

    /// <summary>One line of text; null if the hash can't be saved.</summary>
    /// <param name="hash">The hash.</param>
    /// <param name="hashed">How many bytes it covers.</param>
    public static string? Write(ResumableHash hash, long hashed) =>
        BootId is not null && hashed > 0 && hash.Save() is { } saved
            ? string.Create(CultureInfo.InvariantCulture, $"{BootId} {hashed} {saved}")
            : null;

    /// <summary>The hash, and how many bytes it covers; null if it does not fit a file of this length.</summary>
    public static (ResumableHash Hash, long Hashed)? Read(string? text, long length)
    {
        if (text?.Split(' ') is not [var boot, var number, var saved] || boot != BootId) return null;
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var hashed)
            && hashed <= length && ResumableHash.Resume(saved) is { } hash
                ? (hash, hashed)
                : null;
    }
}
