using System.Globalization;
using System.Runtime.InteropServices;

namespace Berth.Cli;

/// <summary>
/// Turns this process into one of another user, irrevocably, so that it can read exactly what that user can.
/// </summary>
internal static partial class OtherUser
{
    /// <param name="account">A name, or a number, or two numbers as <c>uid:gid</c>.</param>
    /// <returns>Why it failed, or null.</returns>
    public static string? Become(string account)
    {
        if (!TryFind(account, out var uid, out var gid)) return $"there is no user {account} on this machine";
        var isDone = (IsNumber(account) ? SetGroups(0, 0) : InitGroups(account, gid)) == 0
            && SetGid(gid) == 0 && SetUid(uid) == 0;
        return isDone ? null : $"only root can check as {account}: use sudo";
    }

    private static bool IsNumber(string account) => account.Length > 0 && char.IsAsciiDigit(account[0]);

    private static bool TryFind(string account, out uint uid, out uint gid)
    {
        if (IsNumber(account))
        {
            var parts = account.Split(':');
            gid = 0;
            return uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out uid)
                && parts.Length <= 2
                && uint.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out gid);
        }

        // struct passwd: two pointers, the user's number, the group's.
        var entry = GetPwNam(account);
        (uid, gid) = (0, 0);
        if (entry == 0) return false;
        uid = (uint)Marshal.ReadInt32(entry, 2 * nint.Size);
        gid = (uint)Marshal.ReadInt32(entry, (2 * nint.Size) + sizeof(uint));
        return true;
    }

    [LibraryImport("libc", EntryPoint = "getpwnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetPwNam(string name);

    [LibraryImport("libc", EntryPoint = "initgroups", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int InitGroups(string name, uint gid);

    [LibraryImport("libc", EntryPoint = "setgroups")]
    private static partial int SetGroups(nuint count, nint groups);

    [LibraryImport("libc", EntryPoint = "setgid")]
    private static partial int SetGid(uint gid);

    [LibraryImport("libc", EntryPoint = "setuid")]
    private static partial int SetUid(uint uid);
}
