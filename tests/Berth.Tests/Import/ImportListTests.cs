using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Import;

/// <summary><c>berth import --list</c>: what was imported, and how that ended.</summary>
public sealed class ImportListTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-volume-").FullName;
    private RegistryFixture registry = null!;

    public async ValueTask InitializeAsync() => registry = await StartAsync(
        settings: s => s with { Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) } });

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Imports_are_listed_with_what_they_brought_the_latest_first()
    {
        var volume = new TestVolume(folder);
        volume.AddImage("acme/app", "one", "1");
        var command = new AccountCommand(registry);
        Assert.DoesNotContain(folder, (await command.RunAsync("import", "--list")).Is(0).Output);
        (await command.RunAsync("import", folder, "--yes")).Is(0);
        volume.AddTag("acme/app", "lost", "sha256:" + new string('0', 64));
        (await command.RunAsync("import", folder, "--yes")).Is(0);
        var lines = (await command.RunAsync("import", "--list")).Is(0).Output.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches("^ID +BY +STARTED .*ENDED .*STATE +SOURCE +MANIFESTS +TAGS +BLOBS +BROUGHT +NOTES", lines[0]);
        Assert.Matches($"^2 +operator .* done +{folder} +0 +0 +0 +0 bytes +1$", lines[1]);
        Assert.Matches($"^1 +operator .* done +{folder} +1 +1 +2 +[0-9]+ bytes +0$", lines[2]);
        var json = JsonDocument.Parse((await command.RunAsync("import", "--list", "--json")).Is(0).Output).RootElement;
        Assert.Equal(
            [2, 1], json.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("id").GetInt32()));
    }

    [Fact]
    public async Task A_server_lists_them_for_its_administrators_alone()
    {
        new TestVolume(folder).AddImage("acme/app", "one", "1");
        var command = new AccountCommand(registry);
        (await command.RunAsync("import", folder, "--yes")).Is(0);
        Assert.Contains(
            folder, (await command.AskAsync("admin", AdminPassword, "import", "--list")).Is(0).Output);
        await new AccountsOf(registry).AddUserAsync("ann", "of green gables");
        var refused = await command.AskAsync("ann", "of green gables", "import", "--list");
        Assert.Contains("administrators", refused.Is(1).Errors);
        Assert.DoesNotContain(folder, refused.Output);
    }
}
