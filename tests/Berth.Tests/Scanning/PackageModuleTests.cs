using System.Buffers.Binary;
using System.Text;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Packages;
using Berth.Tests.Vulnerabilities;
using Microsoft.Data.Sqlite;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Scanning;

/// <summary>Packages of rpm are compared with what is said of the module that they are part of.</summary>
[Inside]
public sealed class PackageModuleTests : IAsyncLifetime
{
    private KnownVulnerabilities known = null!;

    public async ValueTask InitializeAsync() => known = await StartAsync();

    public ValueTask DisposeAsync() => known.DisposeAsync();

    [Fact]
    public async Task What_is_fixed_in_one_module_says_nothing_of_another()
    {
        foreach (var (name, module) in new[]
        {
            ("mine", "nodejs:18:9030020230101:rhel9"), ("other", "nodejs:20:9030020230101:rhel9"), ("none", ""),
        })
        {
            await known.Images.PushAsync($"team/{name}", "1", RawTar.Gzip(new RawTar()
                .File("etc/os-release", "ID=rhel\nVERSION_ID=9.3\nPRETTY_NAME=\"Red Hat 9\"\n")
                .Entry("var/lib/rpm/Packages.db", RpmDatabases.Ndb([Header("nodejs", "18.1", "1", module)])).End()));
            await known.CompareAsync($"team/{name}:1");
        }

        WriteGrype();
        await known.TellAsync(Record("GHSA-aaaa", "npm", "left-pad", null));
        Assert.Equal((1, 0, 0), (await CountAsync("mine"), await CountAsync("other"), await CountAsync("none")));
    }

    private async Task<int> CountAsync(string name)
    {
        var seen = await known.Images.AskAsync($"1/vulnerabilities?repository=team/{name}");
        Assert.Equal("known", seen.Of("state"));
        return seen.GetProperty("items").GetArrayLength();
    }

    private void WriteGrype()
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(known.Source, "grype.db")};Pooling=False");
        connection.Open();
        foreach (var script in new[] { GrypeDatabaseTests.Schema, GrypeDatabaseTests.Rows })
        {
            using var command = connection.CreateCommand();
            command.CommandText = script;
            command.ExecuteNonQuery();
        }
    }

    /// <summary>Entries of 16 bytes, and texts that end with a zero.</summary>
    private static byte[] Header(string name, string version, string release, string module)
    {
        (int Tag, string Text)[] texts = [(1000, name), (1001, version), (1002, release), (5096, module)];
        var (entries, data) = (new MemoryStream(), new MemoryStream());
        foreach (var (tag, text) in texts.Where(one => one.Text.Length > 0))
        {
            foreach (var number in (int[])[tag, 6, (int)data.Length, 1]) Write(entries, number);
            data.Write(Encoding.UTF8.GetBytes(text + "\0"));
        }

        var header = new MemoryStream();
        Write(header, (int)entries.Length / 16);
        Write(header, (int)data.Length);
        header.Write(entries.ToArray());
        header.Write(data.ToArray());
        return header.ToArray();
    }

    private static void Write(MemoryStream to, int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        to.Write(bytes);
    }
}
