using System.Diagnostics;

namespace Berth.Tests.Clients;

/// <summary>What container programs mount for themselves, and some leave mounted.</summary>
internal static class Mounts
{
    /// <summary>Unmounts everything below a folder, so that it can be deleted.</summary>
    public static async Task RemoveUnderAsync(string folder)
    {
        var mounts = (await File.ReadAllLinesAsync("/proc/self/mounts"))
            .Select(line => line.Split(' ')[1])
            .Where(mount => mount.StartsWith(folder + "/", StringComparison.Ordinal))
            .OrderByDescending(mount => mount.Length);
        foreach (var mount in mounts)
        {
            using var unmount = Process.Start("umount", ["-l", mount]);
            await unmount.WaitForExitAsync();
        }
    }
}
