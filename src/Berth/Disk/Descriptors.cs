using System.Runtime.InteropServices;

namespace Berth.Disk;

/// <summary>How many files and sockets this process may have open (getrlimit(2), RLIMIT_NOFILE).</summary>
internal static partial class Descriptors
{
    private const int OpenFiles = 7;

    /// <summary>Used if the system has no limit, or can't be asked.</summary>
    private const long Many = 1 << 20;

    /// <summary>Raises the soft limit to the hard one if it can, and returns the effective limit.</summary>
    public static long Raise()
    {
        if (!OperatingSystem.IsLinux() || GetLimit(OpenFiles, out var limit) != 0) return Many;
        if (limit.Soft < limit.Hard)
        {
            var raised = new Limit { Soft = limit.Hard, Hard = limit.Hard };
            if (SetLimit(OpenFiles, in raised) == 0) limit = raised;
        }

        return (long)Math.Min(limit.Soft, Many);
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
