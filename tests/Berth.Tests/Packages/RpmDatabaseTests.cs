using System.Text.RegularExpressions;
using Berth.Packages;
using Microsoft.Data.Sqlite;

namespace Berth.Tests.Packages;

/// <summary>What rpm installed is what rpm lists, in each of its kinds of databases.</summary>
[Once]
public sealed partial class RpmDatabaseTests(RpmDatabases databases) : IClassFixture<RpmDatabases>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Packages_in_SQLite_are_those_that_rpm_lists()
    {
        var content = await File.ReadAllBytesAsync(databases.Sqlite + "/rpmdb.sqlite", Stop);
        var found = Read("var/lib/rpm/rpmdb.sqlite", content);
        Assert.Equal(await ExpectedAsync(databases.Sqlite), found.Packages.Select(Line).Order(StringComparer.Ordinal));
        Assert.Equal(21, found.Packages.Count);
        Assert.Equal(await OwnedAsync(databases.Sqlite), found.Owned!.Order(StringComparer.Ordinal));
        Assert.Equal(2021, found.Owned!.Count);
    }

    [Theory]
    [InlineData(512, false)]
    [InlineData(4096, false)]
    [InlineData(4096, true)]
    [InlineData(65536, false)]
    public async Task Packages_in_Berkeley_DB_are_those_that_rpm_lists(int pageBytes, bool isBigEndian)
    {
        var folder = await databases.BerkeleyAsync(pageBytes, isBigEndian);
        var found = Read("var/lib/rpm/Packages", await File.ReadAllBytesAsync(folder + "/Packages", Stop));
        Assert.Equal(await ExpectedAsync(folder), found.Packages.Select(Line).Order(StringComparer.Ordinal));
        Assert.Equal(21, found.Packages.Count);
        Assert.Equal(2021, found.Owned!.Count);
    }

    [Fact]
    public async Task Packages_in_ndb_are_those_that_rpm_lists()
    {
        var found = Read("usr/lib/sysimage/rpm/Packages.db", RpmDatabases.Ndb(databases.Headers));
        Assert.Equal(await ExpectedAsync(databases.Sqlite), found.Packages.Select(Line).Order(StringComparer.Ordinal));
        Assert.Equal(2021, found.Owned!.Count);
    }

    [Theory]
    [InlineData("usr/share/rpm/rpmdb.sqlite", true)]
    [InlineData("usr/lib/sysimage/rpm/Packages.db", true)]
    [InlineData("var/lib/rpm/Packages", true)]
    [InlineData("var/lib/rpm/rpmdb.sqlite-wal", true)]
    [InlineData("var/lib/rpm/rpmdb.sqlite-shm", false)]
    [InlineData("var/lib/rpm/Name", false)]
    [InlineData("old/var/lib/rpm/Packages", false)]
    [InlineData("Packages", false)]
    public void Databases_are_known_by_their_paths(string path, bool isDatabase) =>
        Assert.Equal(isDatabase, PackageFormat.Find(path) is not null);

    /// <summary>rpm leaves the log empty; one with changes means that the database lacks some.</summary>
    [Fact]
    public async Task A_log_with_changes_says_that_the_database_may_lack_them()
    {
        const string Path = "var/lib/rpm/rpmdb.sqlite-wal";
        Assert.Empty(await File.ReadAllBytesAsync(databases.Sqlite + "/rpmdb.sqlite-wal", Stop));
        Assert.Null(PackageReading.Read(Path, ""));
        Assert.Null(PackageReading.Read(Path, new byte[8192]));
        var folder = Directory.CreateTempSubdirectory("berth-wal-").FullName;
        await using var connection = new SqliteConnection($"Data Source={folder}/x;Pooling=False");
        await connection.OpenAsync(Stop);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = WAL; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)";
        await command.ExecuteNonQueryAsync(Stop);
        await using (var log = new FileStream(folder + "/x-wal", FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
            Assert.Equal("it may have changes that rpmdb.sqlite lacks", PackageReading.Read(Path, log)!.Fault);
        await connection.CloseAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void What_is_no_database_says_so()
    {
        const string Path = "var/lib/rpm/Packages";
        Assert.Null(PackageReading.Read(Path, ""));
        Assert.Equal("it is no database of rpm", PackageReading.Read(Path, new string('x', 100))!.Fault);
        Assert.Equal("it is damaged", PackageReading.Read(Path, "x")!.Fault);
    }

    private static PackageFile Read(string path, byte[] content)
    {
        var found = PackageReading.Read(path, content)!;
        Assert.Null(found.Fault);
        return found;
    }

    private static string Line(Package one) =>
        $"{one.Name} {one.Version} {one.Architecture} {one.License} {one.Vendor} {one.Source} {one.SourceVersion} "
        + one.Module;

    private static async Task<IEnumerable<string>> ExpectedAsync(string folder)
    {
        var output = await PackageTools.RunAsync("rpm", "--dbpath", folder, "-qa", "--qf", RpmDatabases.Query);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Replace("(none)", "", StringComparison.Ordinal).Split('|'))
            .Where(one => one[0] != "gpg-pubkey")
            .Select(one =>
            {
                var source = SourceFile().Match(one[6]);
                return $"{one[0]} {(one[1] == "0" ? "" : one[1] + ":")}{one[2]} {one[3]} "
                    + $"{(one[4].Length > 256 ? "" : one[4])} {one[5]} "
                    + $"{Unless(source.Groups[1].Value, one[0])} {Unless(source.Groups[2].Value, one[2])} {one[7]}";
            })
            .Order(StringComparer.Ordinal);

        static string Unless(string value, string same) => value == same ? "" : value;
    }

    private static async Task<IEnumerable<string>> OwnedAsync(string folder)
    {
        var output = await PackageTools.RunAsync("rpm", "--dbpath", folder, "-qa", "--qf", "[%{FILENAMES}\\n]");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(path => path[1..])
            .Where(path => OwnedFiles.Matters(path)).Order(StringComparer.Ordinal);
    }

    [GeneratedRegex(@"^(.+)-([^-]+-[^-]+)\.src\.rpm$")]
    private static partial Regex SourceFile();
}
