using System.Security.Cryptography;
using System.Text;
using Berth.Blobs;
using Berth.Contents;
using Berth.Settings;
using Microsoft.Extensions.Time.Testing;

namespace Berth.Tests.Contents;

/// <summary>Layers are read as they are, and what is wrong with one is said of it.</summary>
[Once]
public sealed class LayerWalkTests
{
    private static readonly ContentsSettings Usual = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_compressions_give_the_same_files_whatever_they_are_called()
    {
        var tar = new RawTar().Folder("./etc/").File("etc/motd", "hello\n").File("/bin//sh", "sh", mode: 0xfff)
            .File("bin/ash", "", '1', "./bin/sh").File("bin/dash", "", '2', "../../../sh").File("dev/null", "", '3')
            .File("etc/.wh.passwd", "").File("var/.wh..wh..opq", "").File("etc/.wh..wh.plnk", "aufs").End();
        var expected = new[]
        {
            "Folder etc 0 755", "File etc/motd 6 644", "File bin/sh 2 7777", "HardLink bin/ash 0 644 bin/sh",
            "SymbolicLink bin/dash 0 644 ../../../sh", "CharacterDevice dev/null 0 644", "Whiteout etc/passwd 0 644",
            "OpaqueWhiteout var 0 644",
        };
        Assert.Equal(expected, await ListAsync(tar));
        Assert.Equal(expected, await ListAsync(RawTar.Gzip(tar)));
        Assert.Equal(expected, await ListAsync(RawTar.Zstd(tar)));

        // As estargz has it: many members; as zstd:chunked has it: a frame that is skipped first.
        Assert.Equal(expected, await ListAsync([.. RawTar.Gzip(tar[..1024]), .. RawTar.Gzip(tar[1024..])]));
        Assert.Equal(
            expected, await ListAsync([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4, .. RawTar.Zstd(tar)]));
    }

    [Fact]
    public async Task Long_names_large_numbers_and_bytes_that_are_no_text_are_read()
    {
        var name = string.Join('/', Enumerable.Repeat("folder-ö", 30)) + "/file";
        var tar = new RawTar().Pax(("path", name), ("uid", "5000000000"), ("mtime", "-1.5")).File("x", "1")
            .File("././@LongLink", name + "2\0", 'L').File("x", "22")
            .Pax(("size", "3")).Header("three", 0).Content("333"u8.ToArray())
            .Header("four", -1, rawSize: "\u0080\0\0\0\0\0\0\0\0\0\0\u0004").Content("4444"u8.ToArray())
            .Header("p", 0).End();
        Encoding.Latin1.GetBytes("\u00ff\u0001").CopyTo(tar, tar.Length - 1024 - 512);
        Assert.Equal("the checksum of an entry is wrong", await FaultAsync(tar));
        var good = new RawTar().Pax(("path", name), ("uid", "5000000000"), ("mtime", "-1.5")).File("x", "1")
            .File("././@LongLink", name + "2\0", 'L').File("x", "22")
            .Pax(("size", "3")).Header("three", 0).Content("333"u8.ToArray())
            .Header("four", -1, rawSize: "\u0080\0\0\0\0\0\0\0\0\0\0\u0004").Content("4444"u8.ToArray()).End();
        var read = await IndexAsync(good);
        Assert.Equal([name, name + "2", "three", "four"], read.Select(one => one.Entry.Path));
        Assert.Equal([1, 2, 3, 4], read.Select(one => one.Entry.SizeBytes));
        Assert.Equal((5_000_000_000, -1), (read[0].Entry.Uid, read[0].Entry.ModifiedAt));
        Assert.Equal(ContentHash.Of(SHA256.HashData("4444"u8)), read[3].Hash);
        Assert.Equal(@"a\xff\xc3b", Berth.Contents.TarHeader.TextOf([(byte)'a', 0xff, 0xc3, (byte)'b']));
    }

    public static TheoryData<string, byte[]> Tricks => new()
    {
        { "it is empty", [] },
        { "it is no tar archive", Encoding.UTF8.GetBytes(new string('x', 2000)) },
        { "it is cut off", Encoding.UTF8.GetBytes("short") },
        { "it is cut off", new RawTar().Header("file", 10_000).Cut() },
        { "it is cut off", new RawTar().Header("pax", 10_000, 'x').Cut() },
        { "it is cut off", new RawTar().File("a", "b").End()[..700] },
        { "it is cut off", RawTar.Gzip(new RawTar().File("a", "b").Cut()) },
        { "it can't be decompressed", RawTar.Zstd(new RawTar().File("a", "b").End())[..^10] },
        { "it can't be decompressed", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff] },
        { "it can't be decompressed", Altered(RawTar.Gzip(new RawTar().File("a", "b").End()), 8) },
        { "a path leads out of it: ../etc/passwd", new RawTar().File("../etc/passwd", "x").End() },
        { "a path leads out of it: a/../../b", new RawTar().File("a/../../b", "x").End() },
        { "a path leads out of it: /..", new RawTar().File("a", "", '1', "/..").End() },
        { "a path has a NUL character", new RawTar().Pax(("path", "a\0b")).File("x", "").End() },
        { "a path has a NUL character", new RawTar().File("l", "a\0b\0", 'L').File("x", "").End() },
        { "a path has more than 4096 bytes", new RawTar().Pax(("path", new string('x', 5000))).File("x", "").End() },
        {
            "a link has more than 4096 bytes",
            new RawTar().File("l", new string('x', 5000), 'K').File("x", "", '2').End()
        },
        { "a file has no name", new RawTar().File("./", "", '2', "x").End() },
        { "a hard link leads nowhere", new RawTar().File("x", "", '1', "/").End() },
        { "it takes away what can't be there: a/.wh...", new RawTar().File("a/.wh...", "").End() },
        { "an entry has a size below 0", new RawTar().Header("x", -5).End() },
        { "the size of an entry is no number", new RawTar().Header("x", 0, rawSize: "0000000zz").End() },
        { "the size of an entry is no number", new RawTar().Header("x", 0, rawSize: "\u0080\u0001\0\0\0").End() },
        { "a file has 4611686018427387904 bytes", new RawTar().Header("x", 1L << 62).End() },
        { "the size of an entry is no number", new RawTar().Pax(("size", "-1")).File("x", "").End() },
        { "the size of an entry is no number", new RawTar().Pax(("size", new string('9', 30))).File("x", "").End() },
        { "an extended header has 2000000000 bytes", new RawTar().Header("x", 2_000_000_000, 'x').End() },
        { "an extended header has 2000000000 bytes", new RawTar().Header("x", 2_000_000_000, 'g').End() },
        { "an extended header has 2000000000 bytes", new RawTar().Header("x", 2_000_000_000, 'L').End() },
        { "an entry has a size below 0", new RawTar().Header("x", long.MinValue, 'x').End() },
        { "the extended header of an entry is broken", new RawTar().File("p", "99 a=b\n", 'x').End() },
        { "the extended header of an entry is broken", new RawTar().File("p", "-7 a=b\n", 'x').End() },
        { "the extended header of an entry is broken", new RawTar().File("p", "6 a=bc\n", 'x').End() },
        { "the extended header of an entry is broken", new RawTar().File("p", "2 ", 'x').End() },
        { "it has a file with holes", new RawTar().Header("x", 0, 'S').End() },
        { "it has a file with holes", new RawTar().Pax(("GNU.sparse.size", "99999999")).File("x", "").End() },
        { "it has an entry of the type 77", new RawTar().File("x", "", 'M').End() },
        { "it goes on behind an empty block", [.. new byte[512], .. new RawTar().File("x", "").End()] },
    };

    [Theory]
    [MemberData(nameof(Tricks), DisableDiscoveryEnumeration = true)]
    public async Task A_trick_or_damage_is_said_and_nothing_else_happens(string fault, byte[] layer) =>
        Assert.StartsWith(fault, await FaultAsync(layer) ?? "nothing is wrong");

    [Fact]
    public async Task Bombs_are_noticed_before_they_go_off()
    {
        // In a file, which is as large as it says; and behind the end.
        var zeros = new byte[100 << 20];
        var tight = Usual with { LayerBytes = 20 << 20, Ratio = 1_000_000 };
        foreach (var compress in new Func<byte[], byte[]>[] { RawTar.Gzip, RawTar.Zstd })
        {
            var inFile = compress(new RawTar().Header("zeros", zeros.Length).Content(zeros).End());
            Assert.Equal(
                "it is more than 250 times as large when decompressed (contents.ratio)", await FaultAsync(inFile));
            Assert.Equal(
                "a file has 104857600 bytes, more than contents.layerbytes", await FaultAsync(inFile, tight));
            var behind = compress([.. new RawTar().File("a", "b").End(), .. zeros]);
            Assert.StartsWith("it is more than 250 times", await FaultAsync(behind));
            Assert.Equal("it has more than 20971520 bytes (contents.layerbytes)", await FaultAsync(behind, tight));
        }

        // A window of 2 GiB, which takes memory at once.
        Assert.StartsWith("it can't be decompressed", await FaultAsync([0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]));
    }

    [Fact]
    public async Task Limits_are_kept_to()
    {
        var tar = new RawTar().File("a", "1").File("b", "2").File("c", "3").End();
        Assert.Null(await FaultAsync(tar, Usual with { Entries = 3 }));
        Assert.Equal(
            "it has more than 2 files (contents.entries)", await FaultAsync(tar, Usual with { Entries = 2 }));
        var notes = new RawTar();
        for (var i = 0; i < 9; i++) notes.Pax(("comment", "x"));
        Assert.Equal(
            "it has too many extended headers (contents.entries)",
            await FaultAsync(notes.End(), Usual with { Entries = 2 }));
        var many = new RawTar();
        for (var i = 0; i < 1000; i++) many.File(Convert.ToHexString(SHA256.HashData(BitConverter.GetBytes(i))), "x");
        Assert.Equal(
            "the list of its files has more than 4096 bytes (contents.indexbytes)",
            await FaultAsync(many.End(), Usual with { IndexBytes = 4096 }));
    }

    [Fact]
    public async Task Time_is_limited_and_a_store_that_is_away_is_no_fault_of_the_layer()
    {
        var clock = new FakeTimeProvider();
        var blob = new MemoryBlob(new RawTar().Header("a", 1 << 30).Content(new byte[1 << 20]).Cut());
        var slow = new SlowReader(() => clock.Advance(TimeSpan.FromMinutes(11)));
        Assert.Equal(
            "reading it takes longer than 00:10:00 (contents.time)",
            await new LayerWalk(Usual, clock).RunAsync(blob, [slow], Stop));
        using var stopped = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new LayerWalk(Usual, clock).RunAsync(
            blob, [new SlowReader(stopped.Cancel)], stopped.Token));
        foreach (var layer in new[] { Random(), RawTar.Gzip(Random()), RawTar.Zstd(Random()) })
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => new LayerWalk(Usual, clock).RunAsync(
                new MemoryBlob(layer) { BreaksAt = 200_000 }, [new SlowReader(() => { })], Stop));
        }
    }

    [Fact]
    public async Task Several_readers_share_a_pass_that_ends_when_nobody_wants_more()
    {
        var large = new MemoryBlob(new RawTar().File("a", "1").File("b", "22").Cut(), repeated: 100_000);
        var (one, two) = (new Taker(1), new Taker(4));
        Assert.Null(await new LayerWalk(Usual, TimeProvider.System).RunAsync(large, [one, two], Stop));
        Assert.Equal("a=1", string.Join(' ', one.Taken));
        Assert.Equal("a=1 b=22 a=1 b=22", string.Join(' ', two.Taken));
        Assert.True(large.Taken < 4 << 20, $"{large.Taken} bytes were read");
    }

    [Fact]
    public async Task Whatever_is_altered_in_a_layer_the_answer_is_a_list_or_a_fault()
    {
        var random = new Random(7);
        var tar = new RawTar().Pax(("path", "a/b"), ("size", "5")).File("x", "hello").Folder("c")
            .File("c/d", "", '1', "a/b").File("c/.wh.e", "").File("l", new string('n', 150), 'L').File("f", "g").End();
        foreach (var layer in new[] { tar, RawTar.Gzip(tar), RawTar.Zstd(tar) })
        {
            for (var round = 0; round < 700; round++)
            {
                var altered = layer[..random.Next(1, layer.Length + 1)];
                for (var i = random.Next(4); i > 0; i--) altered[random.Next(altered.Length)] = (byte)random.Next(256);
                await FaultAsync(altered, Usual with { Time = TimeSpan.FromSeconds(5) });
            }
        }
    }

    private static async Task<string?> FaultAsync(byte[] layer, ContentsSettings? limits = null)
    {
        using var index = new LayerIndexWriter(limits ?? Usual);
        return await new LayerWalk(limits ?? Usual, TimeProvider.System)
            .RunAsync(new MemoryBlob(layer), [index], Stop);
    }

    private static async Task<List<IndexedEntry>> IndexAsync(byte[] layer)
    {
        using var index = new LayerIndexWriter(Usual);
        Assert.Null(await new LayerWalk(Usual, TimeProvider.System).RunAsync(new MemoryBlob(layer), [index], Stop));
        return [.. LayerIndexReader.Read(index.Finish())];
    }

    private static async Task<List<string>> ListAsync(byte[] layer) =>
        (await IndexAsync(layer)).ConvertAll(one =>
            $"{one.Entry.Kind} {one.Entry.Path} {one.Entry.SizeBytes} {Convert.ToString(one.Entry.Mode, 8)} "
            .TrimEnd() + (one.Entry.Link is { } link ? $" {link}" : ""));

    private static byte[] Altered(byte[] bytes, int fromEnd)
    {
        bytes[^fromEnd] ^= 1;
        return bytes;
    }

    private static byte[] Random()
    {
        var content = new byte[1 << 20];
        new Random(1).NextBytes(content);
        return new RawTar().Entry("random", content).End();
    }

    private sealed class SlowReader(Action act) : ILayerReader
    {
        public bool IsDone => false;

        public ValueTask<bool> BeginAsync(LayerEntry entry, CancellationToken cancellation)
        {
            act();
            return ValueTask.FromResult(true);
        }

        public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation) => default;

        public ValueTask EndAsync(CancellationToken cancellation) => default;
    }

    private sealed class Taker(int most) : ILayerReader
    {
        private readonly StringBuilder text = new();

        public List<string> Taken { get; } = [];

        public bool IsDone => Taken.Count == most;

        public ValueTask<bool> BeginAsync(LayerEntry entry, CancellationToken cancellation)
        {
            text.Clear().Append(entry.Path).Append('=');
            return ValueTask.FromResult(true);
        }

        public ValueTask AddAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellation)
        {
            text.Append(Encoding.UTF8.GetString(piece.Span));
            return default;
        }

        public ValueTask EndAsync(CancellationToken cancellation)
        {
            Taken.Add(text.ToString());
            return default;
        }
    }
}
