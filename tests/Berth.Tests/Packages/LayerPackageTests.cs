using Berth.Contents;
using Berth.Disk;
using Berth.Packages;
using Berth.Settings;
using Berth.Tests.Contents;

namespace Berth.Tests.Packages;

/// <summary>Databases, archives and programs in a layer, of which the large ones are kept on disk while they are read.
/// </summary>
[Once]
public sealed class LayerPackageTests(RpmDatabases databases) : IClassFixture<RpmDatabases>
{
    private const int LargeBytes = 3 << 20;

    [Fact]
    public async Task All_of_a_layer_is_found_whatever_its_size()
    {
        var little = new ProgramBytes(is64: true, isBigEndian: false);
        var program = little.Elf(".go.buildinfo", little.GoInfo("go1.22.3", ProgramBytes.Modules, isInline: true));
        var library = JarFormatTests.Zip(("META-INF/MANIFEST.MF", "Implementation-Version: 1\n"));
        var archive = JarFormatTests.Zip(
            System.IO.Compression.CompressionLevel.NoCompression,
            ("data", new byte[LargeBytes]), ("WEB-INF/lib/a-1.jar", library));
        var found = await ReadAsync(new RawTar()
            .Entry("var/lib/rpm/Packages", RpmDatabases.Ndb(databases.Headers))
            .Entry("var/lib/rpm/rpmdb.sqlite-wal", [])
            .Entry("usr/bin/small", program)
            .Entry("usr/bin/large", [.. program, .. new byte[LargeBytes]])
            .Entry("usr/bin/other", [0x7f, .. "ELF"u8, .. new byte[LargeBytes]])
            .Entry("usr/bin/short", [0x7f, .. "ELF"u8])
            .Entry("opt/app.war", archive)
            .Entry("opt/broken.jar", "PK"u8.ToArray())
            .File("opt/text", new string('x', 100)));
        Assert.Equal(
            [
                "opt/app.war 1 ", "opt/broken.jar 0 it is damaged", "usr/bin/large 3 ", "usr/bin/small 3 ",
                "var/lib/rpm/Packages 21 ",
            ],
            found.Select(file => $"{file.Path} {file.Packages.Count} {file.Fault}").Order(StringComparer.Ordinal));
    }

    private static async Task<IReadOnlyList<PackageFile>> ReadAsync(RawTar tar)
    {
        var stop = TestContext.Current.CancellationToken;
        using var reader = new LayerPackages(new Spools(Path.GetTempPath()), stop);
        var walk = new LayerWalk(new ContentsSettings(), TimeProvider.System);
        Assert.Null(await walk.RunAsync(new MemoryBlob(RawTar.Gzip(tar.End())), [reader], stop));
        var list = PackageList.Read(reader.Finish()!);
        Assert.Null(list.Fault);
        return list.Files;
    }
}
