using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Import;

/// <summary><c>berth import</c> of a registry:2 that real clients have pushed to.</summary>
[Inside]
public sealed class RegistryImportTests(OldRegistry old) : IClassFixture<OldRegistry>, IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private MovedRegistry moved = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },

            // On SQLite, a server finds jobs that a command has added by looking.
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
        });
        moved = new MovedRegistry(registry);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task All_that_a_registry_has_is_served_here_byte_for_byte()
    {
        var copy = await old.CopyAsync();
        var said = (await moved.ImportAsync(copy, "--dry-run")).Is(0).Output;
        Assert.Contains("docker/registry/v2 has 2 repositories, 8 manifests and 5 tags. ", said);
        Assert.Contains("8 manifests are not here yet, and neither are ", said);
        var refused = (await moved.ImportAsync(copy)).Is(2).Errors;
        Assert.Contains("Nobody can be asked: give --yes", refused);
        Assert.Empty(await registry.StoredAsync("blobs"));

        var output = (await moved.ImportAsync(copy, "--yes")).Is(0).Output;
        Assert.Contains("Imported 8 manifests of 8, 5 tags of 5 and ", output);
        var all = MovedRegistry.RevisionsIn(copy);
        Assert.Equal(8, all.Count);
        await moved.AssertHasAllAsync(old.Client, all);
        var attached = await registry.Client.GetStringAsync(
            new Uri($"v2/team/app/referrers/{old.Index}", UriKind.Relative), Stop);
        Assert.Contains("application/x.review", attached);
    }

    [Fact]
    public async Task Tags_and_manifests_keep_their_times_and_tags_where_they_have_been()
    {
        var copy = await old.CopyAsync();
        var tag = Path.Combine(copy, "docker/registry/v2/repositories/team/_manifests/tags/moved");
        var links = Directory.GetFiles(tag, "link", SearchOption.AllDirectories).ToDictionary(
            path => Path.GetRelativePath(tag, path), File.ReadAllText);
        var now = links["current/link"];
        var before = Assert.Single(links.Values, digest => digest != now);
        var (first, second) = (
            new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc), new DateTime(2021, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        foreach (var path in links.Keys)
            File.SetLastWriteTimeUtc(Path.Combine(tag, path), links[path] == now ? second : first);
        File.SetLastWriteTimeUtc(
            Path.Combine(tag, "../../revisions/sha256", now[7..], "link"), first);
        (await moved.ImportAsync(copy, "--yes")).Is(0);
        Assert.Equal(
            [$"{before} {first:s}", $"{now} {second:s}"],
            await QueryAsync(
                "SELECT digest, moved_at FROM tag_history WHERE name = 'moved' AND repository_id = "
                + "(SELECT id FROM repository WHERE name = 'team') ORDER BY id"));
        Assert.Equal(
            [$"{now} {second:s}"],
            await QueryAsync("SELECT digest, moved_at FROM tag WHERE name = 'moved'"));
        Assert.Equal(
            [$"{now} {first:s}"],
            await QueryAsync(
                $"SELECT digest, pushed_at FROM manifest WHERE digest = '{now}' AND repository_id = "
                + "(SELECT id FROM repository WHERE name = 'team')"));
    }

    [Fact]
    public async Task A_second_run_brings_what_has_come_since_and_leaves_what_was_pushed_here()
    {
        var source = await old.CopyAsync();
        (await moved.ImportAsync(source, "--yes")).Is(0);
        var again = await moved.ImportAsJsonAsync(source);
        Assert.Equal(0, again.GetProperty("manifests").GetInt64());
        Assert.Equal(0, again.GetProperty("bytes").GetInt64());
        Assert.Equal(8, again.GetProperty("foundManifests").GetInt64());

        // At the source three tags move to a manifest that is new there; one of them was pushed here meanwhile.
        var tags = new[] { "grown", "one", "two" };
        foreach (var tag in tags) await old.PushAsync("second", tag, "first");
        var early = await old.CopyAsync();
        (await moved.ImportAsync(early, "--yes")).Is(0);
        var here = await OldRegistry.PushAsync(registry.Client, "second", "two", "pushed here");
        var late = "";
        foreach (var tag in tags) late = await old.PushAsync("second", tag, "later");
        var done = (await moved.ImportAsync(await old.CopyAsync(), "--yes")).Is(0).Output;
        Assert.Contains("Imported 1 manifest of 10, 2 tags of 8", done);
        Assert.Contains($"it is {here} here, pushed by anonymous; --overwrite moves it", done);
        Assert.Equal([here, late, late], await DigestsAsync("two", "one", "grown"));

        // An older copy of the source moves nothing back.
        Assert.Contains("from a newer import", (await moved.ImportAsync(early, "--yes")).Is(0).Output);
        Assert.Equal([here, late, late], await DigestsAsync("two", "one", "grown"));
        var all = await moved.ImportAsJsonAsync(await old.CopyAsync(), "--overwrite");
        Assert.Equal(1, all.GetProperty("tags").GetInt64());
        Assert.Equal([late], await DigestsAsync("two"));

        // The old registry is shared by all tests.
        Directory.Delete(
            Path.Combine(old.Registry.DataFolder, "docker/registry/v2/repositories/second"), recursive: true);
    }

    [Fact]
    public async Task Without_a_server_the_command_does_the_work_and_makes_the_registry()
    {
        var source = await old.CopyAsync();
        await registry.StopAsync();
        if (registry.Bucket is null && registry.DatabaseVariables.Count == 0)
            Directory.Delete(registry.DataFolder, recursive: true);
        var done = await moved.ImportAsJsonAsync(source);
        Assert.Equal(8, done.GetProperty("manifests").GetInt64());
        await registry.RestartAsync();
        await moved.AssertHasAllAsync(old.Client, MovedRegistry.RevisionsIn(source));
    }

    [Fact]
    public async Task The_files_of_the_old_registry_are_hard_links_here_and_outlive_it()
    {
        await using var files = await RegistryFixture.StartOnFilesAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
        });
        var source = await old.CopyAsync();
        var here = new MovedRegistry(files);
        var done = await here.ImportAsJsonAsync(source);
        Assert.Equal(done.GetProperty("blobs").GetInt64(), done.GetProperty("linked").GetInt64());
        Assert.True(done.GetProperty("linked").GetInt64() > 3);
        Assert.Empty(Directory.GetFiles(Path.Combine(files.DataFolder, "uploads")));
        var all = MovedRegistry.RevisionsIn(source);
        Directory.Delete(source, recursive: true);
        await here.AssertHasAllAsync(old.Client, all);
    }

    [Theory]
    [InlineData("/nowhere", "there is no /nowhere on this machine")]
    [InlineData("/etc", "/etc is no registry and no image: name the folder that a registry:2")]
    [InlineData("ftp://registry.example.com/app", "is no address of a registry")]
    public async Task What_is_no_registry_is_refused_with_what_to_name_instead(string source, string words)
    {
        foreach (var option in new[] { "--yes", "--dry-run" })
            Assert.Contains(words, (await moved.ImportAsync(source, option)).Is(2).Errors);
        Assert.Empty(await registry.StoredAsync("blobs"));
    }

    [Fact]
    public async Task Only_a_command_on_the_machine_names_a_path()
    {
        await using var own = await AccountsOf.StartAsync();
        var command = new AccountCommand(own);
        foreach (var option in new[] { "--yes", "--dry-run" })
        {
            Assert.Contains(
                "run `berth import` there",
                (await command.AskAsync("admin", AccountsOf.AdminPassword, "import", "/nowhere", option)).Is(1).Errors);
        }

        await new AccountsOf(own).AddUserAsync("ann", "of green gables", RegistryRole.Auditor);
        var refused = (await command.AskAsync("ann", "of green gables", "import", "/nowhere", "--yes")).Is(1).Errors;
        Assert.Contains("administrators", refused);
    }

    private async Task<string[]> DigestsAsync(params string[] tags)
    {
        var digests = new List<string>();
        foreach (var tag in tags)
            digests.Add((await MovedRegistry.ManifestAsync(registry.Client, "second", tag))!.Value.Digest);
        return [.. digests];
    }

    private async Task<List<string>> QueryAsync(string sql) => await registry.Services.GetRequiredService<Database>()
        .ReadAsync(
            session => session.AllAsync(
                sql, row => $"{row.GetString(0)} {DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)):s}"),
            Stop);
}
