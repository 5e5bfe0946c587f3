using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Berth.Packages;

namespace Berth.Tests.Packages;

/// <summary>Archives of Java, as Maven and others make them.</summary>
public sealed class JarFormatTests
{
    private const string Manifest = "META-INF/MANIFEST.MF";

    /// <summary>Against unzip, on what Debian has.</summary>
    [Theory]
    [InlineData("commons-io.jar")]
    [InlineData("commons-lang3.jar")]
    [InlineData("slf4j-api.jar")]
    [InlineData("wagon-http-shaded-3.5.3.jar")]
    public async Task Libraries_are_those_that_Maven_names(string name)
    {
        var archive = await PackageTools.ArchiveAsync(name);
        var properties = await PackageTools.RunAsync("unzip", "-p", archive, "*/pom.properties");
        var lines = properties.Split('\n', StringSplitOptions.TrimEntries);
        var expected = Values("groupId=").Zip(Values("artifactId="), Values("version="))
            .Select(one => $"{one.First}:{one.Second} {one.Third}").Distinct().Order(StringComparer.Ordinal);
        Assert.NotEmpty(expected);
        await using var content = File.OpenRead(archive);
        Assert.Equal(expected, Lines(name, content).Order(StringComparer.Ordinal));

        IEnumerable<string> Values(string key) =>
            lines.Where(line => line.StartsWith(key, StringComparison.Ordinal)).Select(line => line[key.Length..]);
    }

    [Theory]
    [InlineData("commons-io-2.11.0.jar", "commons-io", "2.11.0")]
    [InlineData("guava-31.1-jre.jar", "guava", "31.1-jre")]
    [InlineData("log4j-1.2-api-2.17.1.jar", "log4j-1.2-api", "2.17.1")]
    [InlineData("kafka_2.13-3.6.0.jar", "kafka_2.13", "3.6.0")]
    [InlineData("app-1.0-20240101.123456-1.jar", "app", "1.0-20240101.123456-1")]
    [InlineData("app-1.0-rc-2.war", "app", "1.0-rc-2")]
    [InlineData("httpclient5-5.2.jar", "httpclient5", "5.2")]
    [InlineData("netty-2.0.61-linux-x86_64.jar", "netty", "2.0.61-linux-x86_64")]
    [InlineData("some-alpha-2.jar", "some-alpha", "2")]
    [InlineData("m-1.jar", "m", "1")]
    [InlineData("app.jar", "app", null)]
    [InlineData("3.jar", "3", null)]
    [InlineData("-1.jar", "", "1")]
    public void Names_have_versions(string file, string artifact, string? version)
    {
        var name = new JarName("opt/lib/" + file);
        Assert.Equal((artifact, version), (name.Artifact, name.Version));
    }

    [Theory]
    [InlineData("a.jar", "Implementation-Title: tool\nImplementation-Version: 1.2 of today", "tool 1.2")]
    [InlineData("a.jar", "Implementation-Title: For People\nBundle-Version: 3", "a 3")]
    [InlineData("a-1.jar", "Implementation-Vendor-Id: org.example\nImplementation-Version: 9", "org.example:a 1")]
    [InlineData("core.jar", "Bundle-SymbolicName: org.example.core;s:=true\nBundle-Version: 3", "org.example:core 3")]
    [InlineData("a.jar", "Bundle-SymbolicName: org.example.core\nBundle-Version: 3", "org.example:a 3")]
    [InlineData("b-2.jar", "Bundle-SymbolicName: org.example.b", "org.example:b 2")]
    [InlineData("g.hpi", "Group-Id: org.jenkins\nShort-Name: git\nPlugin-Version: 5.2 (x)", "org.jenkins:git 5.2")]
    [InlineData("a.jar", "Implementation-Title: to\n ol\nImplementation-Version: 1", "tool 1")]
    [InlineData("a.jar", "Implementation-Version: ${version}", "")]
    [InlineData("a.jar", "Implementation-Title: x\n\nImplementation-Version: 1", "")]
    [InlineData("a.jar", " \n \n:::\n", "")]
    public void A_manifest_says_what_an_archive_is(string name, string manifest, string expected) =>
        Assert.Equal(expected, string.Join('\n', Lines(name, new MemoryStream(Zip((Manifest, manifest))))));

    [Fact]
    public void What_an_archive_is_made_of_does_not_hide_what_it_is()
    {
        const string Path = "META-INF/maven/com.google.guava/guava/pom.properties";
        var content = Zip((Path, "# made\ngroupId=com.google.guava\nartifactId = guava\nversion=31.1\n"));
        Assert.Equal(["com.google.guava:guava 31.1"], Lines("app.jar", new MemoryStream(content)));
        Assert.Equal(["com.google.guava:guava 31.1"], Lines("renamed-31.1.jar", new MemoryStream(content)));
        Assert.Equal(
            ["com.google.guava:guava 31.1", "client 2.0"], Lines("client-2.0.jar", new MemoryStream(content)));
        Assert.Empty(Lines("app.jar", new MemoryStream(Zip((Path, "groupId=g\nartifactId=${a}\nversion=1\n")))));
    }

    /// <summary>Spring Boot has libraries in its archive that are not packed again, and a script before all of it.
    /// </summary>
    [Fact]
    public void Archives_in_archives_say_where_they_are()
    {
        var inner = Zip(("org/x.class", "x"), (Manifest, "Implementation-Version: 1"));
        var module = Zip(("WEB-INF/lib/deep-3.0.jar", inner));
        using var outer = new MemoryStream();
        outer.Write("#!/bin/sh\nexec java -jar $0\n"u8);
        outer.Write(Zip(
            CompressionLevel.NoCompression,
            ("BOOT-INF/lib/stored-1.0.jar", inner), ("BOOT-INF/lib/empty-1.0.jar", []), ("web.war", module)));
        Assert.Equal(
            ["stored 1.0 in BOOT-INF/lib/stored-1.0.jar", "deep 3.0 in web.war/WEB-INF/lib/deep-3.0.jar"],
            Lines("app.jar", outer));
        Assert.Equal(["deep 3.0 in WEB-INF/lib/deep-3.0.jar"], Lines("app.EAR", new MemoryStream(module)));
    }

    /// <summary>One of many is damaged: all others count.</summary>
    [Fact]
    public void A_damaged_archive_in_another_is_said_to_be_damaged()
    {
        var found = PackageReading.Read(
            "app.war", Zip(("a-1.jar", Encoding.UTF8.GetBytes("no archive")), ("b-2.jar", Zip((Manifest, "")))))!;
        Assert.Equal(("b", "a-1.jar in it is damaged"), (Assert.Single(found.Packages).Name, found.Fault));
    }

    /// <summary>As of archives of more than 4 GiB: numbers that have no place are in other records.</summary>
    [Fact]
    public async Task Long_archives_are_read()
    {
        var zip = Zip(("lib/a-1.jar", Zip((Manifest, ""))));
        var end = zip.AsSpan(zip.Length - 22).ToArray();
        var record = new byte[56];
        "PK\u0006\u0006"u8.CopyTo(record);
        record[4] = 44;
        record[12] = record[14] = 45;
        record[24] = record[32] = 1;
        end.AsSpan(12, 4).CopyTo(record.AsSpan(40));
        end.AsSpan(16, 4).CopyTo(record.AsSpan(48));
        var locator = new byte[20];
        "PK\u0006\u0007"u8.CopyTo(locator);
        BinaryPrimitives.WriteInt64LittleEndian(locator.AsSpan(8), zip.Length - 22);
        locator[16] = 1;
        end.AsSpan(8, 12).Fill(0xff);
        byte[] content = [.. zip[..^22], .. record, .. locator, .. end];
        Assert.Equal(["a 1 in lib/a-1.jar"], Lines("app.jar", new MemoryStream(content)));

        // Others agree that it is one.
        var path = Path.GetTempFileName();
        await File.WriteAllBytesAsync(path, content, TestContext.Current.CancellationToken);
        Assert.Contains("lib/a-1.jar", await PackageTools.RunAsync("unzip", "-l", path), StringComparison.Ordinal);
        File.Delete(path);
    }

    [Fact]
    public void Eggs_have_the_metadata_of_Python()
    {
        var egg = Zip(("x/y.py", ""), ("EGG-INFO/PKG-INFO", "Name: six\nVersion: 1.16.0\nLicense: MIT\n"));
        var found = PackageReading.Read("usr/lib/python3/six-1.16.0-py3.egg", egg)!.Packages[0];
        Assert.Equal(("pypi", "six", "MIT"), (found.Type, found.Name, found.License));
        Assert.Null(PackageReading.Read("usr/lib/python3/x.egg", Zip(("x", "y"))));
        Assert.Null(PackageFormat.Find("root/.cache/six-1.16.0-py2.py3-none-any.whl"));
    }

    [Fact]
    public void Archives_in_archives_have_a_depth()
    {
        var content = Zip((Manifest, ""));
        for (var depth = 0; depth < 1000; depth++) content = Zip(($"a-{depth}.jar", content));
        var found = PackageReading.Read("app-1.jar", content)!;
        Assert.Equal("it has archives in archives, more than 6 deep", found.Fault);
        Assert.Equal(6, found.Packages.Count);
    }

    [Fact]
    public void What_becomes_too_large_is_not_unpacked()
    {
        var bomb = Zip(("a-1.jar", new byte[200 << 20]));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var found = PackageReading.Read("app-1.jar", bomb)!;
        Assert.Equal("it becomes too large when it is unpacked", found.Fault);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    /// <summary>Many entries may lead to the same bytes.</summary>
    [Fact]
    public void The_same_archive_again_and_again_is_too_large()
    {
        var inner = Zip(CompressionLevel.NoCompression, ("x", new byte[100_000]), (Manifest, []));
        var zip = Zip(CompressionLevel.NoCompression, ("a-1.jar", inner));
        var end = BinaryPrimitives.ReadInt32LittleEndian(zip.AsSpan(zip.Length - 6));
        var entry = zip.AsSpan(end, zip.Length - 22 - end).ToArray();
        var many = Enumerable.Repeat(entry, 10_000).SelectMany(one => one).ToArray();
        var record = zip.AsSpan(zip.Length - 22).ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), many.Length);
        var found = PackageReading.Read("app.jar", (byte[])[.. zip[..end], .. many, .. record])!;
        Assert.Equal("it becomes too large when it is unpacked", found.Fault);
    }

    [Fact]
    public void A_list_of_too_many_entries_takes_no_memory()
    {
        var zip = Zip(("x", ""));
        var end = BinaryPrimitives.ReadInt32LittleEndian(zip.AsSpan(zip.Length - 6));
        var entry = zip.AsSpan(end, zip.Length - 22 - end).ToArray();
        var content = new MemoryStream();
        content.Write(zip.AsSpan(0, end));
        for (var i = 0; i < 1_000_001; i++) content.Write(entry);
        var record = zip.AsSpan(zip.Length - 22).ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), 1_000_001 * entry.Length);
        content.Write(record);
        content.Position = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("it has too many files", PackageReading.Read("app.jar", content)!.Fault);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    internal static byte[] Zip(params (string Name, string Content)[] entries) =>
        Zip(CompressionLevel.Optimal, [.. entries.Select(one => (one.Name, Encoding.UTF8.GetBytes(one.Content)))]);

    internal static byte[] Zip(params (string Name, byte[] Content)[] entries) =>
        Zip(CompressionLevel.Optimal, entries);

    internal static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var output = archive.CreateEntry(name, level).Open();
                output.Write(content);
            }
        }

        return buffer.ToArray();
    }

    private static List<string> Lines(string path, Stream content)
    {
        var found = PackageReading.Read(path, content);
        Assert.Null(found?.Fault);
        return [.. (found?.Packages ?? []).Select(one =>
            $"{one.Name} {one.Version}" + (one.Within is null ? "" : $" in {one.Within}"))];
    }
}
