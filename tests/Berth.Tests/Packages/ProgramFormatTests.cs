using System.IO.Compression;
using System.Text;
using Berth.Packages;
using Berth.Tests.Clients;
using Berth.Tests.Deploy;

namespace Berth.Tests.Packages;

/// <summary>What programs say they are made of.</summary>
[Once]
public sealed class ProgramFormatTests
{
    private const string Crates =
        """
        {"packages":[
          {"name":"app","version":"0.1.0","source":"local","root":true,"dependencies":[1,2]},
          {"name":"serde","version":"1.0.200","source":"crates.io"},
          {"name":"cc","version":"1.0.9","source":"crates.io","kind":"build"},
          {"name":"rand","version":"0.8.5","source":"crates.io","kind":"runtime"},
          {"name":"fork","version":"1.0.0","source":"git"},
          7, {"name":"x"}],"format":8}
        """;

    private static readonly string[] Expected =
        ["golang stdlib 1.17.2", "golang example.com/a v1.2.3", "golang example.com/fork v1.1.0"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Against Go itself: a program with a hundred modules, and some of several versions of Go.</summary>
    [Fact]
    public async Task Modules_of_programs_in_Go_are_those_that_Go_shows()
    {
        (await DeployTools.HelmAsync("version")).OutputOfSuccess();
        var clients = await ClientTools.ReadyAsync();
        foreach (var program in new[] { DeployTools.Helm, "/usr/bin/skopeo", clients.Oras, clients.Cosign("sid") })
        {
            await using var content = File.OpenRead(program);
            var found = PackageReading.Read("usr/bin/x", content)!;
            Assert.Null(found.Fault);
            Assert.Equal(OfGo(await PackageTools.GoVersionAsync(program)), found.Packages.Select(Line));
            Assert.True(program != DeployTools.Helm || found.Packages.Count > 100);
        }
    }

    /// <summary>Each also by Go itself, which reads all of them.</summary>
    [Theory]
    [InlineData(true, false, true)]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    [InlineData(false, false, false)]
    [InlineData(false, true, false)]
    public async Task Programs_of_all_machines_and_ages_are_read(bool is64, bool isBigEndian, bool isInline)
    {
        var info = new ProgramBytes(is64, isBigEndian).GoInfo("go1.17.2", ProgramBytes.Modules, isInline);
        var whole = new ProgramBytes(is64, isBigEndian).Elf(".go.buildinfo", info);
        var stripped = new ProgramBytes(is64, isBigEndian).Elf(section: null, info);
        var apple = new ProgramBytes(is64, isBigEndian).MachO("__go_buildinfo", info);
        foreach (var program in new[] { whole, stripped, apple })
        {
            Assert.Equal(OfGo(await GoVersionAsync(program)), Lines(program));
            Assert.Equal(Expected, Lines(program));
        }

        Assert.Equal(Expected, Lines(ProgramBytes.Fat(apple, apple)));
        Assert.Equal(Expected, Lines(ProgramBytes.Fat(new byte[100], apple)));
        if (!is64 || isBigEndian) return;
        var windows = ProgramBytes.Pe(".data", info);
        Assert.Equal(OfGo(await GoVersionAsync(windows)), Lines(windows));
        Assert.Equal(Expected, Lines(windows));
    }

    [Theory]
    [InlineData("go1.22.3", "golang stdlib 1.22.3")]
    [InlineData("go1.22rc1", "golang stdlib 1.22rc1")]
    [InlineData("go1.22.3 X:boringcrypto", "golang stdlib 1.22.3")]
    [InlineData("go1.19.8-1.el9", "golang stdlib 1.19.8")]
    [InlineData("devel +abc", "")]
    [InlineData("", "")]
    public void The_library_has_the_compilers_version(string version, string expected)
    {
        var info = new ProgramBytes(is64: true, isBigEndian: false).GoInfo(version, "", isInline: true);
        var program = new ProgramBytes(is64: true, isBigEndian: false).Elf(".go.buildinfo", info);
        Assert.Equal(expected, string.Join(' ', Lines(program)));
    }

    /// <summary>What cargo-auditable writes, in a program as binutils put it there.</summary>
    [Fact]
    public async Task Crates_of_programs_in_Rust_are_those_that_are_in_them()
    {
        var folder = Directory.CreateTempSubdirectory("berth-rust-").FullName;
        await File.WriteAllBytesAsync(folder + "/crates", Packed(Crates), Stop);
        await PackageTools.RunAsync(
            "objcopy", "--add-section", $".dep-v0={folder}/crates", "/bin/true", folder + "/true");
        var program = await File.ReadAllBytesAsync(folder + "/true", Stop);
        Assert.Equal(["cargo serde 1.0.200", "cargo rand 0.8.5"], Lines(program));
        Assert.Empty(Lines(await File.ReadAllBytesAsync("/bin/true", Stop)));
        Directory.Delete(folder, recursive: true);
        foreach (var other in new[]
        {
            ProgramBytes.Pe(".dep-v0", Packed(Crates)),
            new ProgramBytes(is64: true, isBigEndian: false).MachO(".dep-v0", Packed(Crates)),
        })
        {
            Assert.Equal(["cargo serde 1.0.200", "cargo rand 0.8.5"], Lines(other));
        }
    }

    [Theory]
    [InlineData(" ")]
    [InlineData("{}")]
    [InlineData("[1,2]")]
    [InlineData("{\"packages\":{}}")]
    [InlineData("{\"packages\":[")]
    public void What_is_no_list_of_crates_is_damaged(string text) => Assert.Equal("it is damaged", Fault(Packed(text)));

    [Fact]
    public void What_becomes_too_large_is_not_unpacked()
    {
        var packed = Packed("[\"" + new string('x', 300 << 20));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("it is damaged", Fault(packed));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    /// <summary>Java's classes begin like programs of Apple.</summary>
    [Fact]
    public void Other_files_are_no_programs()
    {
        Assert.Null(PackageFormat.FindByContent([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65]));
        Assert.Null(PackageFormat.FindByContent("#!/bin/s"u8));
        Assert.Null(PackageReading.Read("usr/share/x", "MZ that was a DOS program once, and then became a text file"));
        Assert.Null(PackageReading.Read("usr/share/x", [0x7f, .. "ELF"u8, .. new byte[100]]));
    }

    private static string? Fault(byte[] crates) => PackageReading.Read(
        "usr/bin/x", new ProgramBytes(is64: true, isBigEndian: false).Elf(".dep-v0", crates))?.Fault;

    private static byte[] Packed(string text)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal)) zlib.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    private static async Task<string[]> GoVersionAsync(byte[] program)
    {
        var path = Path.GetTempFileName();
        await File.WriteAllBytesAsync(path, program, Stop);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var lines = await PackageTools.GoVersionAsync(path);
        File.Delete(path);
        return lines;
    }

    /// <summary>What should be found, of what Go shows.</summary>
    private static List<string> OfGo(string[] shown)
    {
        var expected = new List<string> { $"golang stdlib {shown[0].Split(' ')[0]["go".Length..]}" };
        for (var i = 1; i < shown.Length; i++)
        {
            var fields = shown[i].Split('\t');
            if (fields[0] is not ("mod" or "dep")) continue;
            if (i + 1 < shown.Length && shown[i + 1].Split('\t') is ["=>", ..] other) fields = other;
            if (fields.Length > 2 && fields[2] != "(devel)") expected.Add($"golang {fields[1]} {fields[2]}");
        }

        return expected;
    }

    private static List<string> Lines(byte[] program)
    {
        var found = PackageReading.Read("usr/bin/x", program);
        Assert.Null(found?.Fault);
        return [.. (found?.Packages ?? []).Select(Line)];
    }

    private static string Line(Package one) => $"{one.Type} {one.Name} {one.Version}";
}
