using System.Globalization;

namespace Berth.Tests.Faults;

/// <summary>
/// A small machine for a Berth: 256 MiB of memory and 1,024 descriptors. The memory is a control group's where this
/// machine lets the tests make one, of either version; elsewhere only the runtime's own heap is bounded.
/// </summary>
internal sealed class Confinement : IDisposable
{
    private const long MemoryBytes = 256L << 20;
    private const int Descriptors = 1024;
    private const string Groups = "/sys/fs/cgroup";

    private readonly string script = Path.GetTempFileName();
    private readonly string? group;
    private readonly bool isVersion2 = File.Exists(Groups + "/cgroup.controllers");

    public Confinement()
    {
        group = TryMakeGroup();
        var join = group is null ? "" : $"echo $$ > {group}/cgroup.procs";
        File.WriteAllText(script, $"unset BASH_ENV\nulimit -n {Descriptors}\n{join}\n");
    }

    public string Description => group is null
        ? "a bounded heap (no control group can be made here)"
        : $"a control group of version {(isVersion2 ? 2 : 1)}";

    /// <summary>How often the group's processes were ended for want of memory; 0 without a group.</summary>
    public long KillCount => group is null
        ? 0
        : File.ReadLines(Path.Combine(group, isVersion2 ? "memory.events" : "memory.oom_control"))
            .Where(l => l.StartsWith("oom_kill ", StringComparison.Ordinal))
            .Sum(l => long.Parse(l["oom_kill ".Length..], CultureInfo.InvariantCulture));

    /// <summary>Makes a Berth start in it: the shell that starts one reads the script first.</summary>
    public void Apply(IDictionary<string, string> settings)
    {
        settings["BASH_ENV"] = script;
        if (group is null) settings["DOTNET_GCHeapHardLimit"] = "0xC000000";
    }

    public void Dispose()
    {
        File.Delete(script);
        try
        {
            if (group is not null) Directory.Delete(group);
        }
        catch (IOException)
        {
            // A process is still ending in it.
        }
    }

    private string? TryMakeGroup()
    {
        var name = $"berth-{Guid.NewGuid():n}";
        var path = isVersion2 ? $"{Groups}/{name}" : $"{Groups}/memory/{name}";
        var limit = Path.Combine(path, isVersion2 ? "memory.max" : "memory.limit_in_bytes");
        try
        {
            Directory.CreateDirectory(path);
            if (!File.Exists(limit))
            {
                Directory.Delete(path);
                return null;
            }

            File.WriteAllText(limit, MemoryBytes.ToString(CultureInfo.InvariantCulture));
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
