using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;

namespace Berth.Bench;

/// <summary>docs/performance.md: two sections are each written whole by one command, the third by hand.</summary>
internal static partial class PerformancePage
{
    public const string Comparison = "Beside other servers";
    public const string Pieces = "The hot pieces";

    private const string ByHand = "The program";

    private static readonly string[] Sections = [Comparison, Pieces, ByHand];

    /// <summary>Replaces one section and keeps the others.</summary>
    public static async Task WriteAsync(string section, string content)
    {
        var path = FileOfProject("docs/performance.md");
        var old = File.Exists(path) ? await File.ReadAllTextAsync(path) : "";
        var text = new StringBuilder("# Performance\n");
        foreach (var name in Sections)
        {
            var body = name == section ? content : BodyOf(old, name);
            if (body.Length > 0) text.Append($"\n## {name}\n\n{body.Trim()}\n");
        }

        await File.WriteAllTextAsync(path, text.ToString());
    }

    /// <summary>Describes the measurement and the machine.</summary>
    public static async Task<string> DescribeRunAsync(Workbench bench)
    {
        var program = bench.Options.Program is null ? "the build that `dotnet run` makes" : "the published program";
        return $"""
            Written by `make bench-compare`, which runs the same workloads against all servers in turn, in one run, on
            {Machine()}, client included, over loopback.
            Berth is {program}, {Version()}; the others are {await bench.Peers.VersionsAsync()}.

            Figures are medians of {bench.Options.Rounds} rounds (lowest–highest), after a warm-up round.
            Ratios are computed per round, and are more stable than the figures. Verdicts are based on the median.
            nginx serves the same bytes as plain files with `sendfile`: the lower bound of what a pull can cost. CPU is
            that of the server and its children. The peers' access logs are off; Berth's is on, as by default.


            """;
    }

    public static string FileOfProject(string path)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Berth.slnx"))) folder = folder.Parent;
        return Path.Combine(
            folder?.FullName ?? throw new InvalidOperationException("run this from a checkout of Berth"), path);
    }

    public static string Machine()
    {
        var model = Field("/proc/cpuinfo", "model name").Trim(':', ' ', '\t');
        var kibibytes = Digits().Match(Field("/proc/meminfo", "MemTotal")).Value;
        var memory = long.Parse(kibibytes, CultureInfo.InvariantCulture) / 1024 / 1024;
        var kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim().Split('-')[0];
        return $"a machine with {Environment.ProcessorCount} cores ({model}), {memory} GiB and Linux {kernel}";
    }

    private static string BodyOf(string page, string section)
    {
        var start = page.IndexOf($"\n## {section}\n", StringComparison.Ordinal);
        if (start < 0) return "";
        start = page.IndexOf('\n', start + 1);
        var end = page.IndexOf("\n## ", start, StringComparison.Ordinal);
        return end < 0 ? page[start..] : page[start..end];
    }

    private static string Field(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? "0";

    /// <summary>Includes the first digits of the commit.</summary>
    private static string Version() => typeof(Oci.Digest).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion is { Length: > 17 } version
            ? version[..17]
            : "of unknown version";

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();
}
