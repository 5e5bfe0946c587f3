using System.Buffers.Binary;
using System.Diagnostics;
using Berth.Packages;

namespace Berth.Tests.Packages;

/// <summary>
/// Files that list packages, cut off, with numbers that lie, and with bytes changed at random: whatever they are, they
/// are read soon and in little memory, and what is wrong is an answer.
/// </summary>
[Once]
public sealed class HostilePackageTests(RpmDatabases databases) : IClassFixture<RpmDatabases>
{
    private const string SqlitePath = "var/lib/rpm/rpmdb.sqlite";
    private const string OtherPath = "var/lib/rpm/Packages";
    private const string JarPath = "app-1.0.jar";
    private const string EggPath = "six-1.0.egg";
    private const string ProgramPath = "usr/bin/x";
    private const string ChiselPath = "var/lib/chisel/manifest.wall";

    /// <summary>More than any of them takes; some of it for a blob of the longest kind.</summary>
    private const long MaxAllocatedBytes = 96 << 20;

    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Files_that_are_cut_off_are_read_as_far_as_they_go()
    {
        foreach (var (path, content) in await FilesAsync())
        {
            for (var length = 0; length < content.Length; length += Math.Max(1, content.Length / 3000))
                Read(path, content[..length]);
        }
    }

    /// <summary>Every number, one after another, of the places where numbers are.</summary>
    [Fact]
    public async Task Numbers_that_lie_are_not_believed()
    {
        foreach (var (path, content) in await FilesAsync())
        {
            foreach (var at in Places(path, content.Length))
            {
                foreach (var value in (uint[])[0, 1, 0x7fffffff, 0xffffffff, (uint)at, (uint)content.Length])
                {
                    var changed = content.ToArray();
                    BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(at), value);
                    Read(path, changed);
                    BinaryPrimitives.WriteUInt32BigEndian(changed.AsSpan(at), value);
                    Read(path, changed);
                }
            }
        }
    }

    /// <summary>As much as time allows, always the same.</summary>
    [Fact]
    public async Task Bytes_that_are_changed_at_random_do_no_harm()
    {
        var files = await FilesAsync();
        var random = new Random(20240229);
        var watch = Stopwatch.StartNew();
        var limit = TestRounds.Of(TimeSpan.FromSeconds(4), TimeSpan.FromMinutes(10));
        while (watch.Elapsed < limit)
        {
            var (path, content) = files[random.Next(files.Count)];
            var changed = content.ToArray();
            for (var changes = random.Next(1, 16); changes > 0; changes--)
            {
                // Most of what is important is at the beginning or the end.
                var at = random.Next(3) switch
                {
                    0 => random.Next(Math.Min(changed.Length, 256)),
                    1 => changed.Length - 1 - random.Next(Math.Min(changed.Length, 256)),
                    _ => random.Next(changed.Length),
                };
                changed[at] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
            }

            Read(path, changed);
        }
    }

    /// <summary>Pages that follow themselves or each other.</summary>
    [Fact]
    public async Task Pages_in_circles_are_damage()
    {
        var sqlite = await File.ReadAllBytesAsync(
            databases.Sqlite + "/rpmdb.sqlite", TestContext.Current.CancellationToken);
        // An interior page whose only child is itself, in the place of the first.
        var first = sqlite.ToArray();
        first[100] = 5;
        first.AsSpan(103, 2).Clear();
        BinaryPrimitives.WriteUInt32BigEndian(first.AsSpan(108), 1);
        Assert.Equal("it is damaged", Read(SqlitePath, first)!.Fault);

        // All pages of values lead to themselves.
        var folder = await databases.BerkeleyAsync(512, isBigEndian: false);
        var hash = await File.ReadAllBytesAsync(folder + "/Packages", TestContext.Current.CancellationToken);
        Assert.Equal("it is damaged", Read(OtherPath, hash[..512])!.Fault);
        for (var page = 1; page < hash.Length / 512; page++)
        {
            if (hash[(page * 512) + 25] == 7)
                BinaryPrimitives.WriteInt32LittleEndian(hash.AsSpan((page * 512) + 16), page);
        }

        Assert.Equal("it is damaged", Read(OtherPath, hash)!.Fault);
    }

    /// <summary>Many places of a list may lead to the same bytes.</summary>
    [Fact]
    public void The_same_header_again_and_again_is_damage()
    {
        var longest = databases.Headers.MaxBy(one => one.Length)!;
        Assert.Equal("it is damaged", Read("usr/lib/sysimage/rpm/Packages.db", Ndb(longest, slots: 254))!.Fault);
    }

    /// <summary>A folder is in a header once, and so could be in millions of paths.</summary>
    [Fact]
    public void A_header_can_not_say_more_files_than_there_is_time_for()
    {
        const int Files = 1_000_000;
        var header = new MemoryStream();
        Number(header, 6, 4 + 4 + 4 + (4 * Files) + 4000 + (2 * Files));
        foreach (var (tag, type, offset, count) in new[]
        {
            (1000, 6, 0, 1), (1001, 6, 0, 1), (1002, 6, 0, 1), (1116, 4, 12, Files), (1118, 8, 12 + (4 * Files), 1),
            (1117, 8, 12 + (4 * Files) + 4000, Files),
        })
        {
            Number(header, tag, type, offset, count);
        }

        header.Write("a\0\0\0\0\0\0\0\0\0\0\0"u8);
        header.Write(new byte[4 * Files]);
        header.Write([.. Enumerable.Repeat((byte)'x', 3999), 0]);
        for (var i = 0; i < Files; i++) header.Write("y\0"u8);
        // Each path takes memory for a moment, twice as many bytes as it has characters.
        var found = Read("usr/lib/sysimage/rpm/Packages.db", Ndb(header.ToArray()), 512 << 20)!;
        Assert.Equal("it lists too many files", found.Fault);
    }

    [Theory]
    [InlineData(0x7fffffff, 0)]
    [InlineData(0, 0x7fffffff)]
    [InlineData(-1, -1)]
    [InlineData(0x10000000, 16)]
    public void A_header_with_more_entries_than_bytes_is_damage(int entries, int data)
    {
        var header = new MemoryStream();
        Number(header, entries, data, 0, 0, 0, 0);
        Assert.Equal("it is damaged", Read("usr/lib/sysimage/rpm/Packages.db", Ndb(header.ToArray()))!.Fault);
    }

    private static PackageFile? Read(string path, byte[] content, long maxAllocatedBytes = MaxAllocatedBytes)
    {
        var (before, watch) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
        var found = PackageReading.Read(path, content);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, maxAllocatedBytes);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, MaxTime);
        return found;
    }

    private static IEnumerable<int> Places(string path, int length)
    {
        var (head, tail, step) = path is SqlitePath or OtherPath ? (512, 0, length / 1000) : (512, 128, length / 1000);
        for (var at = 0; at + 4 <= length; at += at < head || at >= length - tail ? 2 : Math.Max(2, step & ~1))
            yield return at;
    }

    /// <summary>Of each format one, that are small.</summary>
    private async Task<List<(string Path, byte[] Content)>> FilesAsync()
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = await databases.BerkeleyAsync(512, isBigEndian: false, databases.Few);
        var manifest = ("META-INF/MANIFEST.MF", "Implementation-Title: x\nImplementation-Version: 1\n"u8.ToArray());
        var properties = ("META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1\n"u8.ToArray());
        var inner = JarFormatTests.Zip(manifest, properties);
        var module = JarFormatTests.Zip(("c.jar", inner));
        var jar = JarFormatTests.Zip(manifest, ("lib/a-1.jar", inner), ("lib/b.war", module));
        var info = Little.GoInfo("go1.17.2", ProgramBytes.Modules, isInline: true);
        var old = Little.GoInfo("go1.17.2", ProgramBytes.Modules, isInline: false);
        var apple = Little.MachO("__go_buildinfo", old);
        return
        [
            (SqlitePath, await databases.SmallSqliteAsync()),
            (OtherPath, await File.ReadAllBytesAsync(folder + "/Packages", stop)),
            (OtherPath, RpmDatabases.Ndb(databases.Few)),
            (ChiselPath, ChiselLists.Pack(
                """{"kind":"package","name":"curl","version":"7.81.0-1","sha256":"a","arch":"amd64"}""",
                """{"kind":"path","path":"/usr/bin/curl","mode":"0755","slices":["curl_bins"]}""")),
            (JarPath, jar),
            (EggPath, JarFormatTests.Zip(("EGG-INFO/PKG-INFO", "Name: six\nVersion: 1\n"))),
            (ProgramPath, Little.Elf(".go.buildinfo", info)),
            (ProgramPath, Little.Elf(section: null, old)),
            (ProgramPath, ProgramBytes.Pe(".data", old)),
            (ProgramPath, apple),
            (ProgramPath, ProgramBytes.Fat(apple)),
        ];
    }

    private static ProgramBytes Little => new(is64: true, isBigEndian: false);

    /// <summary>A database with one blob, to which some slots lead.</summary>
    private static byte[] Ndb(byte[] header, int slots = 1)
    {
        var file = new MemoryStream();
        file.Write("RpmP\0\0\0\0\u0001\0\0\0\u0001\0\0\0\u0002\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"u8);
        var blocks = (header.Length + 16 + 12 + 15) / 16;
        while (file.Length < 4096)
        {
            file.Write("Slot"u8);
            Little(file.Length <= 36 + (16 * (slots - 1)) ? [1, 256, blocks] : [0, 0, 0]);
        }

        file.Write("BlbS"u8);
        Little([1, 0, header.Length]);
        file.Write(header);
        file.Write(new byte[(16 * blocks) - 16 - header.Length]);
        return file.ToArray();

        void Little(int[] numbers)
        {
            foreach (var number in numbers) file.Write(BitConverter.GetBytes(number));
        }
    }

    private static void Number(MemoryStream to, params int[] numbers)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var number in numbers)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes, number);
            to.Write(bytes);
        }
    }
}
