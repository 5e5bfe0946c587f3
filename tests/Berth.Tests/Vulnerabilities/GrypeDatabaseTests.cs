using System.Formats.Tar;
using System.Security.Cryptography;
using Berth.Settings;
using Berth.Tests.Import;
using Berth.Vulnerabilities;
using Microsoft.Data.Sqlite;
using ZstdSharp;

namespace Berth.Tests.Vulnerabilities;

/// <summary>Grype's database is read as its own schema has it.</summary>
public sealed class GrypeDatabaseTests : IDisposable
{
    internal const string Schema = """
        CREATE TABLE db_metadata (build_timestamp datetime, model integer, revision integer, addition integer);
        CREATE TABLE blobs (id integer PRIMARY KEY, value text NOT NULL);
        CREATE TABLE operating_systems (id integer PRIMARY KEY, name text, release_id text, major_version text,
            minor_version text, label_version text, codename text, channel text, eol_date datetime);
        CREATE TABLE packages (id integer PRIMARY KEY, ecosystem text, name text);
        CREATE TABLE vulnerability_handles (id integer PRIMARY KEY, name text, status text, published_date datetime,
            modified_date datetime, withdrawn_date datetime, provider_id text, blob_id integer);
        CREATE TABLE affected_package_handles (id integer PRIMARY KEY, vulnerability_id integer,
            operating_system_id integer, package_id integer, blob_id integer);
        CREATE TABLE known_exploited_vulnerability_handles (id integer PRIMARY KEY, cve text, blob_id integer);
        CREATE TABLE epss_handles (id integer PRIMARY KEY, cve text, epss real, percentile real);
        """;

    internal const string Rows = """
        INSERT INTO db_metadata VALUES ('2026-01-01 00:00:00+00:00', 6, 1, 0);
        INSERT INTO operating_systems VALUES (1, 'redhat', 'rhel', '9', '', '', '', '', NULL),
            (2, 'redhat', 'rhel', '9', '4', '', '', 'eus', NULL), (3, 'redhat', 'rhel', '9', '4', '', '', '', NULL),
            (4, 'debian', 'debian', '12', '', '', 'bookworm', '', NULL);
        INSERT INTO packages VALUES (1, 'rpm', 'nodejs'), (2, 'npm', 'left'), (3, 'rpm', 'curl'), (4, 'deb', 'curl');
        INSERT INTO blobs VALUES
            (1, '{"id":"CVE-2024-1","description":"Words\nmore","severities":[
                {"scheme":"CHMLN","value":"medium","rank":1},
                {"scheme":"CVSS","rank":2,
                    "value":{"vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","version":"3.1"}}]}'),
            (2, '{"qualifiers":{"rpm_modularity":"nodejs:18"},"ranges":[
                {"version":{"type":"rpm","constraint":"< 1:18.2-1"},"fix":{"version":"1:18.2-1","state":"fixed"}}]}'),
            (3, '{"qualifiers":{"rpm_modularity":""},"ranges":[
                {"version":{"type":"rpm","constraint":""},"fix":{"state":"wont-fix"}}]}'),
            (4, '{"id":"GHSA-1","aliases":["CVE-2024-1"]}'),
            (5, '{"cves":["CVE-2024-1"],"ranges":[
                {"version":{"type":"semver","constraint":">=1.0.0,<1.2.0"},"fix":{"version":"1.2.0","state":"fixed"}},
                {"version":{"type":"semver","constraint":">=2.0.0 || =0.5.0"},"fix":{"state":"not-fixed"}}]}'),
            (6, '{"cve":"CVE-2024-1","date_added":"2024-05-06T00:00:00Z","known_ransomware_campaign_use":"Known"}'),
            (7, '{"ranges":[{"version":{"constraint":""},"fix":{"state":"not-affected"}}]}'),
            (8, '{"ranges":');
        INSERT INTO vulnerability_handles VALUES
            (1, 'CVE-2024-1', 'active', '2024-01-02 03:04:05+00:00', NULL, NULL, 'rhel', 1),
            (2, 'GHSA-1', 'active', NULL, NULL, NULL, 'github', 4),
            (3, 'CVE-2024-3', 'rejected', NULL, NULL, NULL, 'rhel', 1),
            (4, 'CVE-2024-4', 'active', NULL, NULL, NULL, 'debian', 1);
        INSERT INTO affected_package_handles VALUES (1, 2, NULL, 2, 5), (2, 1, 1, 1, 2), (3, 1, 1, 3, 3),
            (4, 1, 2, 3, 2), (5, 3, 1, 3, 3), (6, 4, 4, 4, 7), (7, 4, 4, 4, 8), (8, 1, 3, 3, 2), (9, 1, 1, 99, 2);
        INSERT INTO known_exploited_vulnerability_handles VALUES (1, 'cve-2024-1', 6);
        INSERT INTO epss_handles VALUES (1, 'CVE-2024-1', 0.5, 0.9), (2, 'CVE-2024-2', 0.25, 0.5);
        """;

    private static readonly HashSet<string> Wanted = ["Red Hat:9", "npm", "Debian:12"];

    private readonly string folder = Directory.CreateTempSubdirectory("berth-grype-").FullName;

    private string Target => Path.Combine(folder, "vulnerability.db");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void What_it_says_of_packages_is_said_in_records()
    {
        Make(Schema, Rows);
        using var database = GrypeDatabase.Open(Target);
        var records = database.Records(Wanted).ToDictionary(record => record.Id);
        Assert.Equal(["GHSA-1", "RHEL-CVE-2024-1"], records.Keys.Order(StringComparer.Ordinal));
        var red = records["RHEL-CVE-2024-1"];
        Assert.Equal("CVE-2024-1", Assert.Single(red.Cves));
        Assert.Equal("Words", red.Summary);
        Assert.Equal(new DateTimeOffset(2024, 1, 2, 3, 4, 5, TimeSpan.Zero), red.Published);
        Assert.Equal(["nodejs", "curl"], red.Affected.Select(affected => affected.Name));

        var hit = OsvMatch.Find(red, new OsvName("Red Hat:9", "curl", "7.0-1"))!;
        Assert.True(hit.Affected.WillNotBeFixed);
        Assert.Null(hit.FixedIn);
        Assert.Equal(Berth.Vulnerabilities.Severity.Medium, hit.Severity);
        Assert.Equal(9.8m, Assert.Single(hit.Scores).Score);
        var node = new OsvName("Red Hat:9", "nodejs", "1:18.1-1") { Module = "nodejs:18:9030020230101" };
        Assert.Equal("1:18.2-1", OsvMatch.Find(red, node)!.FixedIn);
        Assert.Null(OsvMatch.Find(red, node with { Module = "nodejs:1" }));
        Assert.Null(OsvMatch.Find(red, node with { Module = null }));
        Assert.NotNull(OsvMatch.Find(red, node with { Module = null, Version = "1:18.1-1.module+el9" }));
        Assert.Null(OsvMatch.Find(red, node with { Version = "1:18.2-1" }));
    }

    [Theory]
    [InlineData("0.9.0", false, null)]
    [InlineData("0.5.0", true, "1.2.0")]
    [InlineData("1.0.0", true, "1.2.0")]
    [InlineData("1.2.0", false, null)]
    [InlineData("2.0.0", true, null)]
    public void Ranges_mean_what_they_do_there(string version, bool isVulnerable, string? fixedIn)
    {
        Make(Schema, Rows);
        using var database = GrypeDatabase.Open(Target);
        var record = database.Records(new HashSet<string> { "npm" }).Single();
        var hit = OsvMatch.Find(record, new OsvName("npm", "left", version));
        Assert.Equal((isVulnerable, fixedIn), (hit is not null, hit?.FixedIn));
    }

    [Theory]
    [InlineData("< 1.2", "1.2", "Introduced 0, Fixed 1.2")]
    [InlineData("< 1.2", null, "Introduced 0, Limit 1.2")]
    [InlineData(">= 1.0, < 1.2", "1.2", "Introduced 1.0, Fixed 1.2")]
    [InlineData(">1.0 <=1.2", "1.3", "Introduced 1.0, LastAffected 1.2, Fixed 1.3")]
    [InlineData("= 1.2", null, "Introduced 1.2, LastAffected 1.2")]
    [InlineData("1.2", null, "Introduced 1.2, LastAffected 1.2")]
    [InlineData("<1:2.0~rc1-1.el9", "1:2.0~rc1-1.el9", "Introduced 0, Fixed 1:2.0~rc1-1.el9")]
    [InlineData("< 1 || >= 2, < 3", null, "Introduced 0, Limit 1; Introduced 2, Limit 3")]
    [InlineData("", null, "Introduced 0")]
    [InlineData("!= 1", null, "")]
    [InlineData("||,,", null, "")]
    public void A_constraint_is_read(string constraint, string? fixedIn, string expected) => Assert.Equal(
        expected,
        string.Join("; ", GrypeRanges.Read(constraint, fixedIn).Select(range =>
            string.Join(", ", range.Events.Select(one => $"{one.Kind} {one.Version}")))));

    [Fact]
    public void What_it_says_of_exploits_is_read_too()
    {
        Make(Schema, Rows);
        using var database = GrypeDatabase.Open(Target);
        Assert.Equal(
            [
                ("CVE-2024-1", new ExploitFacts(0.5, 0.9, null, false)),
                ("CVE-2024-2", new ExploitFacts(0.25, 0.5, null, false)),
                ("CVE-2024-1", new ExploitFacts(null, null, new DateOnly(2024, 5, 6), true)),
            ],
            database.Exploits());
    }

    [Fact]
    public void It_says_when_distributions_get_their_last_fixes()
    {
        Make(Schema, Rows, "UPDATE operating_systems SET eol_date = '2026-06-10 00:00:00+00:00' WHERE id = 4",
            "INSERT INTO operating_systems SELECT 9, name, release_id, major_version, minor_version, 'x', codename, "
            + "channel, '2024-01-01 00:00:00+00:00' FROM operating_systems WHERE id = 4");
        using (var database = GrypeDatabase.Open(Target))
        {
            Assert.Equal(
                [("Debian:12", new DateOnly(2026, 6, 10)), ("Debian:12", new DateOnly(2024, 1, 1))],
                database.Ends(Wanted));
        }

        Make(Schema, Rows, "ALTER TABLE operating_systems DROP COLUMN eol_date");
        using (var earlier = GrypeDatabase.Open(Target)) Assert.Empty(earlier.Ends(Wanted));
    }

    [Theory]
    [InlineData("UPDATE db_metadata SET model = 5", "of another version")]
    [InlineData("DROP TABLE packages", "no table packages")]
    [InlineData("DROP TABLE packages; CREATE VIEW packages AS SELECT 1 AS id", "no table packages")]
    [InlineData("DROP TABLE db_metadata; CREATE TABLE db_metadata (a)", "damaged")]
    public void Another_database_is_refused(string change, string fault)
    {
        Make(Schema, Rows, change);
        var e = Assert.Throws<InvalidDataException>(() => GrypeDatabase.Open(Target));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_never_ends_in_another_error()
    {
        Make(Schema, Rows);
        var whole = File.ReadAllBytes(Target);
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var bytes = seed % 3 == 0 ? whole[..random.Next(100, whole.Length)] : [.. whole];
            for (var change = 0; change < 20; change++) bytes[random.Next(100, bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(Target, bytes);
            try
            {
                using var database = GrypeDatabase.Open(Target);
                _ = database.Records(Wanted).ToList();
                _ = database.Exploits().ToList();
                _ = database.Ends(Wanted).ToList();
            }
            catch (InvalidDataException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Fact]
    public async Task Its_listing_leads_to_the_current_data_which_is_fetched_once()
    {
        Make(Schema, Rows);
        var database = await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken);
        var archive = Pack("vulnerability.db", database);
        await using var server = await ScriptedRegistry.StartAsync();
        server.On("/v6/latest.json", Listing(archive));
        server.On("/v6/db_2026-01-01T00%3A00%3A00Z.tar.zst", archive);
        using var data = new VulnerabilityData(
            new VulnerabilitySettings { Sources = [$"grype:http://{server.Authority}/v6/latest.json"] },
            Path.Combine(folder, "node"), TimeProvider.System);
        var update = await data.UpdateAsync(Wanted, TestContext.Current.CancellationToken);
        Assert.Null(update.Sources[0].Fault);
        Assert.Equal((true, 5L), (update.IsChanged, update.Sources[0].Records));
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), update.Sources[0].ModifiedAt);
        Assert.False((await data.UpdateAsync(Wanted, TestContext.Current.CancellationToken)).IsChanged);
        Assert.Equal(3, server.Asked.Count);
        using (var file = data.Open()!) Assert.Single(file.Find(new OsvName("npm", "left", "1.0.0")));

        // What is not what the listing says is not taken.
        server.On("/v6/latest.json", Listing([.. archive, 0]));
        update = await data.UpdateAsync(Wanted, TestContext.Current.CancellationToken);
        Assert.Contains("is not what its listing says", update.Sources[0].Fault, StringComparison.Ordinal);
        server.On("/v6/latest.json", """{"schemaVersion":"v7.0.0","path":"a","checksum":"sha256:a"}""");
        update = await data.UpdateAsync(Wanted, TestContext.Current.CancellationToken);
        Assert.Contains("of version 'v7.0.0'", update.Sources[0].Fault, StringComparison.Ordinal);
        using (var file = data.Open()!) Assert.Single(file.Find(new OsvName("npm", "left", "1.0.0")));
        Assert.False(File.Exists(Path.Combine(folder, "node", "grype.unpacked")));
    }

    [Fact]
    public async Task An_archive_that_is_damaged_or_larger_than_allowed_is_refused()
    {
        Make(Schema, Rows);
        var database = await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken);
        var good = Pack("vulnerability.db", database);
        await RefuseAsync(Pack("other.db", database), 1 << 20, "has no vulnerability.db");
        await RefuseAsync(good, 1_000, "more than 1000 bytes");
        await RefuseAsync(good[..(good.Length / 2)], 1 << 20, "");
        await RefuseAsync(good[..10], 1 << 20, "");
        // A thousand times as large, unpacked.
        await RefuseAsync(Pack("vulnerability.db", new byte[32 << 20]), 1 << 20, "more than");
    }

    private async Task RefuseAsync(byte[] archive, long sizeBytes, string fault)
    {
        var path = Path.Combine(folder, "archive");
        await File.WriteAllBytesAsync(path, archive, TestContext.Current.CancellationToken);
        var e = await Assert.ThrowsAsync<InvalidDataException>(() => GrypeArchive.UnpackAsync(
            path, Path.Combine(folder, "unpacked"), sizeBytes, TestContext.Current.CancellationToken));
        Assert.Contains(fault, e.Message, StringComparison.Ordinal);
    }

    private static string Listing(byte[] archive) => $$"""
        {"status":"active","schemaVersion":"v6.1.0","built":"2026-01-01T00:00:00Z",
         "path":"db_2026-01-01T00:00:00Z.tar.zst",
         "checksum":"sha256:{{Convert.ToHexStringLower(SHA256.HashData(archive))}}"}
        """;

    private static byte[] Pack(string name, byte[] content)
    {
        var bytes = new MemoryStream();
        using (var zstd = new CompressionStream(bytes, leaveOpen: true))
        using (var tar = new TarWriter(zstd))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "./" + name)
            {
                DataStream = new MemoryStream(content),
            });
        }

        return bytes.ToArray();
    }

    private void Make(params string[] scripts)
    {
        File.Delete(Target);
        using var connection = new SqliteConnection($"Data Source={Target};Pooling=False");
        connection.Open();
        foreach (var script in scripts)
        {
            using var command = connection.CreateCommand();
            command.CommandText = script;
            command.ExecuteNonQuery();
        }
    }
}
