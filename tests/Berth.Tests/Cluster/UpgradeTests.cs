using System.Net;
using System.Net.Http.Headers;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Faults;
using Berth.Tests.Servers;

namespace Berth.Tests.Cluster;

/// <summary>Versions of Berth beside each other on one database, and the tables' way from one to the next.</summary>
public class UpgradeTests(ITestOutputHelper output)
{
    private static readonly TimeSpan TimeTogether = TimeSpan.FromSeconds(5);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_node_works_on_newer_tables_until_some_go_that_it_needs()
    {
        await using var database = await PostgresServer.CreateDatabaseAsync();
        await using var bucket = await S3Server.CreateBucketAsync();
        var newer = new NewerTables(database);
        await using var old = await BerthProcess.StartAsync(Configure, Stop);
        using var end = new CancellationTokenSource();
        var loading = LoadAsync(old, "old", end.Token);
        await newer.MigrateAsync(
            oldest: 1, "ALTER TABLE tag ADD COLUMN added_at BIGINT; CREATE TABLE added (name TEXT PRIMARY KEY)");
        await using var second = await BerthProcess.StartAsync(Configure, Stop);
        var loadingSecond = LoadAsync(second, "second", end.Token);
        await Task.Delay(TimeTogether, Stop);
        await end.CancelAsync();
        var (pushed, pushedSecond) = (await loading, await loadingSecond);
        output.WriteLine($"{pushed} pushes and pulls on the node that ran, {pushedSecond} on the one that started");
        Assert.True(pushed > 20 && pushedSecond > 20);
        await AssertServesAsync(second, "old", pushed);
        await AssertServesAsync(old, "second", pushedSecond);

        await newer.MigrateAsync(oldest: null, "ALTER TABLE tag DROP COLUMN added_at");
        Assert.Equal(0, await old.TerminateAsync(Stop));
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => old.StartAgainAsync(Stop));
        Assert.Contains("run a newer Berth", refusal.Message, StringComparison.Ordinal);

        void Configure(IDictionary<string, string> settings)
        {
            foreach (var (name, value) in database.Variables.Concat(bucket.Variables)) settings[name] = value;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Migrate_says_what_it_would_do_and_does_it(bool isPostgres)
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-").FullName;
        var settings = new Dictionary<string, string> { ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = folder };
        await using var database = isPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        foreach (var (name, value) in database?.Variables ?? new Dictionary<string, string>()) settings[name] = value;
        try
        {
            var (exitCode, said) = await BerthCommand.RunAsync(settings, "migrate", "--check");
            Assert.Equal(1, exitCode);
            var all = Migrations.Known.Count;
            Assert.Contains($"lacks {all} of {all}", said, StringComparison.Ordinal);
            Assert.Contains(Migrations.Known[0].Name, said, StringComparison.Ordinal);
            Assert.Contains("Nothing was changed", said, StringComparison.Ordinal);
            Assert.DoesNotContain("quotes", said, StringComparison.Ordinal);
            Assert.Equal(1, (await BerthCommand.RunAsync(settings, "migrate", "--check")).ExitCode);
            Assert.Equal(0, (await BerthCommand.RunAsync(settings, "migrate")).ExitCode);
            (exitCode, said) = await BerthCommand.RunAsync(settings, "migrate", "--check");
            Assert.Equal(0, exitCode);
            Assert.Contains("is up to date", said, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Migrate_says_why_the_database_can_not_be_used()
    {
        var settings = new Dictionary<string, string>
        {
            ["REGISTRY_DATABASE_HOST"] = "127.0.0.1",
            ["REGISTRY_DATABASE_PORT"] = "1",
            ["REGISTRY_DATABASE_PASSWORD"] = "never shown",
        };
        var (exitCode, said) = await BerthCommand.RunAsync(settings, "migrate", "--check");
        Assert.Equal(2, exitCode);
        Assert.Contains("127.0.0.1:1", said, StringComparison.Ordinal);
        Assert.DoesNotContain("never shown", said, StringComparison.Ordinal);
        (exitCode, said) = await BerthCommand.RunAsync(settings, "serve");
        Assert.Equal(1, exitCode);
        Assert.Contains("check that it is running, and the settings under database", said, StringComparison.Ordinal);
    }

    /// <summary>Pushes and pulls one manifest after another; none may fail.</summary>
    private static async Task<int> LoadAsync(BerthProcess node, string name, CancellationToken end)
    {
        using var client = node.CreateClient();
        var count = 0;
        for (; !end.IsCancellationRequested; count++)
        {
            using var content = new ByteArrayContent(SharedDatabase.Index(count));
            content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciIndex);
            var path = new Uri($"v2/{name}/manifests/t{count}", UriKind.Relative);
            using var pushed = await client.PutAsync(path, content, Stop);
            Assert.Equal(HttpStatusCode.Created, pushed.StatusCode);
            using var pulled = await client.GetAsync(path, Stop);
            Assert.Equal(HttpStatusCode.OK, pulled.StatusCode);
        }

        return count;
    }

    private static async Task AssertServesAsync(BerthProcess node, string name, int count)
    {
        using var client = node.CreateClient();
        for (var i = 0; i < count; i++)
        {
            using var answer = await client.GetAsync(new Uri($"v2/{name}/manifests/t{i}", UriKind.Relative), Stop);
            Assert.Equal(SharedDatabase.DigestOf(i), answer.Headers.GetValues("Docker-Content-Digest").Single());
        }
    }
}
