using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Berth.Tests.Faults;

/// <summary>
/// An ext4 file system of a test's own, in a sparse file on a loop device. Its power can be cut: then only what was
/// synced, or written back by chance, is there afterwards. Needs root.
/// </summary>
internal sealed partial class LoopVolume : IDisposable
{
    private const int LoopMajor = 7;
    private const uint NoLogFlush = 2; // EXT4_GOING_FLAGS_NOLOGFLUSH
    private const uint Shutdown = 0x8004587D; // EXT4_IOC_SHUTDOWN

    private readonly string folder = Directory.CreateTempSubdirectory("berth-volume-").FullName;
    private int mounts;
    private bool isMounted;

    public LoopVolume(int mebibytes)
    {
        Install("mkfs.ext4", "e2fsprogs");
        Install("losetup", "mount");
        using (var image = File.Create(ImagePath(0))) image.SetLength((long)mebibytes << 20);
        Run("mkfs.ext4", "-q", "-m", "0", ImagePath(0));
        Mount();
    }

    /// <summary>Where it is mounted now; a power cut changes it.</summary>
    public string Path => System.IO.Path.Combine(folder, $"mount-{mounts}");

    /// <summary>
    /// Cuts the power. The file system stops between two writes and forgets what it had not written; then the image,
    /// never unmounted, is copied as it lies there, and the copy is mounted, which replays its journal.
    /// </summary>
    public void CutPower()
    {
        StopWriting();
        Run("cp", "--sparse=always", "--reflink=auto", ImagePath(mounts), ImagePath(mounts + 1));
        Unmount();
        File.Delete(ImagePath(mounts));
        mounts++;
        Mount();
    }

    /// <summary>Takes no writes from now on. Nothing on it may be open for writing.</summary>
    public void MakeReadOnly() => Run("mount", "-o", "remount,ro", Path);

    public void Dispose()
    {
        try
        {
            if (isMounted) Unmount();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void Mount()
    {
        Directory.CreateDirectory(Path);
        MakeLoopNode();
        Run("mount", "-o", "loop,noinit_itable", ImagePath(mounts), Path);
        isMounted = true;
    }

    /// <summary>Detaches the loop device too. A process that was just killed may hold the mount for a moment.</summary>
    private void Unmount()
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                Run("umount", attempt < 100 ? [Path] : ["--lazy", Path]);
                isMounted = false;
                return;
            }
            catch (InvalidOperationException) when (attempt < 100)
            {
                Thread.Sleep(50);
            }
        }
    }

    private void StopWriting()
    {
        using var root = OpenFolder(Path);
        var flags = NoLogFlush;
        if (Control(root.DangerousGetHandle().ToInt32(), Shutdown, ref flags) != 0)
        {
            var reason = new Win32Exception(Marshal.GetLastPInvokeError()).Message;
            throw new InvalidOperationException($"ext4 did not stop: {reason}");
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle OpenFolder(string path)
    {
        var descriptor = Open(path, 0);
        if (descriptor < 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        return new(descriptor, ownsHandle: true);
    }

    private string ImagePath(int number) => System.IO.Path.Combine(folder, $"image-{number}");

    /// <summary>In a container the free loop device may lack its node in /dev.</summary>
    private static void MakeLoopNode()
    {
        var device = Run("losetup", "--find").Trim();
        if (!File.Exists(device)) Run("mknod", device, "b", $"{LoopMajor}", device["/dev/loop".Length..]);
    }

    private static void Install(string program, string package)
    {
        var folders = new[] { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
        if (folders.Any(f => File.Exists(System.IO.Path.Combine(f, program)))) return;
        Run("apt-get", "update", "-q");
        Run("apt-get", "install", "-q", "-y", "--no-install-recommends", package);
    }

    internal static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEnd();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, ref uint argument);
}
