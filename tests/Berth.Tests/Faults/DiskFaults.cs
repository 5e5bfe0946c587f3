using System.IO.MemoryMappedFiles;
using System.Text;

namespace Berth.Tests.Faults;

/// <summary>The calls that can be made to fail, as <c>diskfaults.c</c> counts them.</summary>
[Flags]
public enum DiskCalls
{
    None = 0,
    Open = 1,
    Write = 2,
    Sync = 4,
    Rename = 8,
    Unlink = 16,
    MakeFolder = 32,
    Truncate = 64,
    Read = 128,
}

/// <summary>
/// Makes chosen calls on chosen files fail in a Berth that is started with these settings, by a library that is loaded
/// before the C library. One rule at a time is in force; it can be changed at any moment.
/// </summary>
internal sealed class DiskFaults : IDisposable
{
    public const int NoSuchDevice = 6;
    public const int InputOutput = 5;
    public const int TooManyFiles = 24;
    public const int NoSpace = 28;
    public const int ReadOnlyFileSystem = 30;
    public const int QuotaExceeded = 122;

    /// <summary>Not an error: half of the bytes are written.</summary>
    public const int ShortWrite = 0;

    /// <summary>Not an error yet: the call waits, for <see cref="FailHeld"/> or <see cref="Stop"/>.</summary>
    public const int Held = -1;

    private const int RuleBytes = 264;
    private const int PathAt = 20;

    private static readonly Lazy<string> Library = new(Compile);

    private readonly string folder = Directory.CreateTempSubdirectory("berth-faults-").FullName;
    private readonly MemoryMappedFile mapped;
    private readonly MemoryMappedViewAccessor rule;

    public DiskFaults()
    {
        var path = Path.Combine(folder, "rule");
        File.WriteAllBytes(path, new byte[RuleBytes]);
        mapped = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        rule = mapped.CreateViewAccessor(0, RuleBytes);
        Variables = new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = Library.Value,
            ["BERTH_DISK_FAULTS"] = path,
        };
    }

    /// <summary>The environment of the program in which the calls fail.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    /// <summary>How many calls have failed by the present rule.</summary>
    public int Hits => rule.ReadInt32(16);

    /// <summary>Lets calls fail from now on, instead of those of an earlier rule.</summary>
    /// <param name="calls">Which.</param>
    /// <param name="error">The error number, or <see cref="ShortWrite"/>.</param>
    /// <param name="path">What the file's path contains.</param>
    /// <param name="skip">How many such calls go through first.</param>
    /// <param name="times">How many fail then; all if null.</param>
    public void Inject(DiskCalls calls, int error, string path, int skip = 0, int? times = null)
    {
        Stop();
        var text = new byte[RuleBytes - PathAt];
        Encoding.UTF8.GetBytes(path, text);
        rule.WriteArray(PathAt, text, 0, text.Length);
        rule.Write(4, error);
        rule.Write(8, skip);
        rule.Write(12, times ?? -1);
        rule.Write(16, 0);
        rule.Write(0, (int)calls);
    }

    /// <summary>Lets go of held calls but those on such files.</summary>
    /// <param name="path">What the file's path contains; it begins with what the rule has.</param>
    public void HoldOnly(string path)
    {
        var text = Encoding.UTF8.GetBytes(path);
        rule.WriteArray(PathAt, text, 0, text.Length);
    }

    /// <summary>Lets the calls fail that are held, and those that would be.</summary>
    public void FailHeld(int error) => rule.Write(4, error);

    /// <summary>Lets everything work again.</summary>
    public void Stop() => rule.Write(0, 0);

    public async Task<BerthProcess> StartAsync(Action<IDictionary<string, string>>? configure = null) =>
        await BerthProcess.StartAsync(
            settings =>
            {
                foreach (var (name, value) in Variables) settings[name] = value;
                configure?.Invoke(settings);
            },
            TestContext.Current.CancellationToken);

    public void Dispose()
    {
        rule.Dispose();
        mapped.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static string Compile()
    {
        if (!File.Exists("/usr/bin/gcc"))
        {
            LoopVolume.Run("apt-get", "update", "-q");
            LoopVolume.Run("apt-get", "install", "-q", "-y", "--no-install-recommends", "gcc", "libc6-dev");
        }

        var library = Path.Combine(Path.GetTempPath(), $"berth-diskfaults-{Environment.ProcessId}.so");
        var source = Path.Combine(SourceTree.Root, "tests/Berth.Tests/Faults/diskfaults.c");
        LoopVolume.Run("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source, "-ldl");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => File.Delete(library);
        return library;
    }
}
