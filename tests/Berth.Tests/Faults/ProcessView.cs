using System.Globalization;

namespace Berth.Tests.Faults;

/// <summary>What the kernel says of a process, from <c>/proc</c>.</summary>
internal sealed class ProcessView(int processId)
{
    /// <summary>Resident memory now, in bytes.</summary>
    public long ResidentBytes => Status("VmRSS:");

    /// <summary>The most resident memory since <see cref="ForgetPeak"/>, in bytes.</summary>
    public long PeakResidentBytes => Status("VmHWM:");

    /// <summary>What the open file descriptors point to.</summary>
    public List<string> OpenFiles()
    {
        var targets = new List<string>();
        foreach (var descriptor in Directory.EnumerateFileSystemEntries($"/proc/{processId}/fd"))
        {
            if (new FileInfo(descriptor).LinkTarget is { } target) targets.Add(target);
        }

        return targets;
    }

    public void ForgetPeak() => File.WriteAllText($"/proc/{processId}/clear_refs", "5");

    private long Status(string name)
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line[name.Length..^2], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture);
    }
}
