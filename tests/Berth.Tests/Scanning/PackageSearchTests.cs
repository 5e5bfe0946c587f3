using System.Text.Json;
using Berth.Metadata;
using Berth.Scanning;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Scanning;

/// <summary>Which images have a package, as far as one may pull them.</summary>
[Inside]
public sealed class PackageSearchTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        var images = new ContentImages(registry);
        await images.PushAsync("acme/old", "1", Layer("3.0.9-1", "1.2.9"));
        await images.PushAsync("acme/new", "1", Layer("3.0.15-1~deb12u1", "1.2.10"));
        await images.PushAsync("acme/new", "2", Layer("3.0.15-1~deb12u1", "1.2.10"));
        await images.PushAsync("other/app", "1", Layer("3.0.9-1", "2.0.0"));
        foreach (var image in new[] { "acme/old", "acme/new", "other/app" })
            await images.SeeAsync($"1/packages?repository={image}");
        var database = registry.Services.GetRequiredService<Database>();
        await database.WriteAsync(
            session => session.RunAsync("UPDATE image_scan SET due_at = 0 WHERE state = 'waiting'"), false, Stop);
        var scanning = registry.Services.GetRequiredService<ImageScanning>();
        await Eventually.TrueAsync(async () => !await scanning.RunNextAsync(Stop));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Packages_are_found_by_name_source_version_and_place()
    {
        Assert.Equal(
            "acme/new:1,2 libssl3 3.0.15-1~deb12u1; acme/old:1 libssl3 3.0.9-1; other/app:1 libssl3 3.0.9-1",
            await FindAsync("name=libssl3"));
        Assert.Equal(await FindAsync("name=libssl3"), await FindAsync("name=openssl"));
        Assert.Equal("acme/old:1 libssl3 3.0.9-1", await FindAsync("name=openssl&version=3.0.9-1&namespace=acme"));
        Assert.Equal("other/app:1 lib 2.0.0", await FindAsync("name=lib&repository=other/app"));
        Assert.Equal("", await FindAsync("name=lib&type=deb"));
        Assert.Equal("", await FindAsync("name=lib&repository=none/there"));
        Assert.Equal("", await FindAsync("name=none"));
    }

    /// <summary>In the order of the package's kind: 1.2.9 is below 1.2.10, and 3.0.15-1~deb12u1 below 3.0.15-1.
    /// </summary>
    [Fact]
    public async Task Versions_below_one_are_found_in_the_order_of_their_kind()
    {
        Assert.Equal("acme/old:1 lib 1.2.9", await FindAsync("name=lib&below=1.2.10"));
        Assert.Equal(
            "acme/new:1,2 libssl3 3.0.15-1~deb12u1; acme/old:1 libssl3 3.0.9-1",
            await FindAsync("name=openssl&below=3.0.15-1&namespace=acme"));
        Assert.Equal("acme/old:1 libssl3 3.0.9-1", await FindAsync("name=openssl&below=3.0.10&namespace=acme"));
    }

    /// <summary>PyPI compares names without their letters' case and separators, and npm as they are.</summary>
    [Fact]
    public async Task Names_are_compared_as_their_kind_does()
    {
        Assert.Equal("acme/old:1 Zope.Interface 5.0", await FindAsync("name=zope-interface&namespace=acme/old"));
        Assert.Equal("acme/old:1 Zope.Interface 5.0", await FindAsync("name=Zope_Interface&repository=acme/old"));
        Assert.Equal("", await FindAsync("name=Lib"));
    }

    [Fact]
    public async Task Images_of_an_index_have_its_tags()
    {
        var images = new ContentImages(registry);
        var digest = await images.PushAsync("acme/old", "1", Layer("3.0.9-1", "1.2.9"));
        await images.PushIndexAsync("acme/old", "all", (digest, """{"os":"linux","architecture":"amd64"}"""));
        Assert.Equal("acme/old:1,all lib 1.2.9", await FindAsync("name=lib&repository=acme/old"));
    }

    [Fact]
    public async Task A_search_says_whether_all_images_were_looked_into()
    {
        Assert.Equal("True", await IsCompleteAsync());
        await new ContentImages(registry).PushAsync("acme/bad", "1", [1, 2, 3]);
        Assert.Equal("False", await IsCompleteAsync());
        var said = await new AccountCommand(registry).RunAsync("search", "packages", "lib");
        Assert.Contains("Some images were not looked into yet", said.Is(0).Errors);

        async Task<string> IsCompleteAsync()
        {
            using var answer = await AskAsync("name=lib", "admin", 200);
            return (await BodyOf(answer)).Of("isComplete");
        }
    }

    [Fact]
    public async Task What_one_may_not_pull_is_not_found()
    {
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", ImagePusher.Password);
        Assert.Equal("", await FindAsync("name=libssl3", "ann"));
        await accounts.MakePublicAsync("other/app");
        Assert.Equal("other/app:1 libssl3 3.0.9-1", await FindAsync("name=libssl3", "ann"));
        Assert.Equal("", await FindAsync("name=libssl3&repository=acme/old", "ann"));
    }

    [Fact]
    public async Task Lists_have_pages_and_wrong_questions_are_refused()
    {
        using var first = await AskAsync("name=libssl3&n=2", "admin", 200);
        Assert.Equal(2, (await BodyOf(first)).GetProperty("items").GetArrayLength());
        var next = first.Headers.GetValues("Link").Single().Split('<', '>')[1];
        using var second = await AskAsync(next[(next.IndexOf('?') + 1)..], "admin", 200);
        Assert.Equal("other/app", (await BodyOf(second)).GetProperty("items")[0].Of("repository"));
        Assert.False(second.Headers.Contains("Link"));
        string[] refusals =
        [
            "name=", $"name={new string('x', 257)}", "name=a&last=x", "name=a&namespace=UPPER", "name=a&repository=%20",
        ];
        foreach (var wrong in refusals)
        {
            using var refused = await AskAsync(wrong, "admin", 400);
        }
    }

    [Fact]
    public async Task The_command_lists_them()
    {
        var command = new AccountCommand(registry);
        var found = (await command.RunAsync("search", "packages", "openssl", "--below", "3.0.10")).Is(0);
        Assert.Matches("acme/old:1 +deb +libssl3 +3.0.9-1 +openssl", found.Output);
        Assert.DoesNotContain("acme/new", found.Output);
    }

    private async Task<string> FindAsync(string query, string user = "admin")
    {
        using var answer = await AskAsync(query, user, 200);
        return string.Join("; ", (await BodyOf(answer)).GetProperty("items").EnumerateArray().Select(one =>
            $"{one.Of("repository")}:{string.Join(',', one.GetProperty("tags").EnumerateArray())} {one.Of("name")} "
            + one.Of("version")));
    }

    private async Task<HttpResponseMessage> AskAsync(string query, string user, int status) =>
        await new ContentImages(registry, user).SendAsync(
            "GET", "/api/v1/search/packages?" + query, null, null, status);

    private static async Task<JsonElement> BodyOf(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;

    private static byte[] Layer(string openssl, string lib) => RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\n")
        .File("var/lib/dpkg/status", $"Package: libssl3\nSource: openssl\nVersion: {openssl}\n")
        .File("app/zope.dist-info/METADATA", "Name: Zope.Interface\nVersion: 5.0\n")
        .File("app/node_modules/lib/package.json", $$"""{"name":"lib","version":"{{lib}}"}""").End());
}
