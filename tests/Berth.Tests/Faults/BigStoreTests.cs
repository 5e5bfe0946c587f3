using System.Diagnostics;
using Berth.Metadata;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class BigStoreTests(ITestOutputHelper output)
{
    private const int Manifests = 100_000;

    [Fact]
    public async Task A_store_of_a_hundred_thousand_manifests_is_ready_within_two_seconds()
    {
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await berth.TerminateAsync(TestContext.Current.CancellationToken);
        await FillAsync(Path.Combine(berth.DataFolder, "berth.db"));

        var started = Stopwatch.StartNew();
        await berth.StartAgainAsync(TestContext.Current.CancellationToken);
        output.WriteLine($"ready after {started.ElapsedMilliseconds} ms");
        Assert.True(started.Elapsed < TimeSpan.FromSeconds(2), $"ready after {started.Elapsed}");

        using var http = berth.CreateClient();
        var tags = await http.GetStringAsync("v2/team/app-999/tags/list?n=3", TestContext.Current.CancellationToken);
        Assert.Equal("""{"name":"team/app-999","tags":["v10999","v11999","v12999"]}""", tags);
    }

    private static async Task FillAsync(string path)
    {
        const string Numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1)";
        const string Name = "'sha256:' || printf('%064x', i)";
        await using var database = await SqliteDatabase.OpenBesideAsync(path);
        await database.WriteAsync(
            async session =>
            {
                await session.RunAsync(
                    $"""
                    {Numbers} INSERT INTO repository (id, name, created_at)
                    SELECT i + 1, 'team/app-' || i, 0 FROM n
                    """,
                    999);
                await session.RunAsync(
                    $"{Numbers} INSERT INTO manifest_body (digest, body) SELECT {Name}, zeroblob(700) FROM n",
                    Manifests - 1);
                await session.RunAsync(
                    $"""
                    {Numbers} INSERT INTO manifest (repository_id, digest, media_type, size_bytes, pushed_at, pushed_by)
                    SELECT 1 + i % 1000, {Name}, 'application/vnd.oci.image.manifest.v1+json', 700, 0, '' FROM n
                    """,
                    Manifests - 1);
                await session.RunAsync(
                    $"""
                    {Numbers} INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
                    SELECT 1 + i % 1000, 'v' || i, {Name}, 0, '' FROM n
                    """,
                    Manifests - 1);
                await session.RunAsync(
                    $"""
                    {Numbers} INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at)
                    SELECT 1 + i % 1000, {Name}, 1000, 0 FROM n
                    """,
                    3 * Manifests - 1);
                return await session.RunAsync(
                    $"""
                    {Numbers} INSERT INTO manifest_reference
                    SELECT 1 + i % 1000, {Name}, 'sha256:' || printf('%064x', i / 2), 'Layer' FROM n
                    """,
                    3 * Manifests - 1);
            },
            isDurable: false);
    }
}
