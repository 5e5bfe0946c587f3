using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Pages;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>Who else has a layer, and what the deletion of an image would free, in the API and on pages.</summary>
[Accounts]
public sealed class LayerHolderTests : IAsyncLifetime
{
    private static readonly byte[] Shared = new RawTar().File("etc/os-release", "ID=debian").End();
    private static readonly byte[] Own = new RawTar().File("app", new string('x', 3000)).End();
    private static readonly string Layer = ContentImages.DigestOf(Shared);

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private ContentImages images = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (admin, images, pages) = (new ImagePusher(registry, "admin"), new ContentImages(registry), new(registry));
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        await images.PushAsync("ann/app", "1", Shared, Own);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Only_images_that_the_caller_may_pull_are_named()
    {
        await images.PushAsync("open/app", "2", Shared);
        await images.PushAsync("secret/app", "3", Shared);
        await images.PushAsync("other/app", "4", Own);
        await PublishAsync("open/app");
        Assert.Equal(["open/app:2", "secret/app:3"], await HoldersAsync("admin"));
        Assert.Equal(["open/app:2"], await HoldersAsync("ann"));
        var page = (await pages.GetAsync($"/r/ann/app:1/-/layer?layer={Layer}", "ann")).Is(200);
        Assert.Contains("/r/open/app@sha256:", page.Text);
        Assert.DoesNotContain("secret", page.Text);

        // Whoever may not pull the image itself learns nothing, and a layer of another image is none of this one.
        await new ImagePusher(registry, "eve").IsAsync("GET", PathOf(Layer), 404);
        await admin.IsAsync("GET", PathOf(ContentImages.DigestOf("x"u8.ToArray())), 404);
        await admin.IsAsync("GET", PathOf("none"), 404);
        (await pages.GetAsync("/r/ann/app:1/-/layer?layer=none")).Is(404);

        // A page can't be asked to begin after what is hidden, as after what is not there.
        var ann = new ImagePusher(registry, "ann");
        foreach (var last in new[] { "secret/app", "gone/app", "%00" })
            await ann.IsAsync("GET", PathOf(Layer) + "&last=" + last, 400);
    }

    [Fact]
    public async Task A_grant_for_a_part_of_a_namespace_reaches_no_further()
    {
        await images.PushAsync("open/app", "2", Shared);
        await images.PushAsync("team/secret", "3", Shared);
        await images.PushAsync("team/shown", "4", Shared);
        await PublishAsync("open/app");
        await admin.ApiAsync(
            "POST", "/grants", """{"names":"team/shown*","user":"ann","actions":["pull"]}""", 201);
        Assert.Equal(["open/app:2", "team/shown:4"], await HoldersAsync("ann"));
    }

    [Fact]
    [Inside]
    public async Task Where_too_much_may_be_seen_to_look_it_up_by_name_ranges_of_names_are_walked()
    {
        foreach (var name in new[] { "open/app", "team/app", "teams/app" }) await images.PushAsync(name, "2", Shared);
        await PublishAsync("open/app");
        var found = await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => LayerHolderTable.ListAsync(
                session, Digest.Parse(Layer), (0, Digest.Parse(Layer)),
                new RepositoryPlaces(null, [("team/", "team0")]), 0, 10),
            TestContext.Current.CancellationToken);
        Assert.Equal(["open/app", "team/app"], found.Select(one => one.Name));
    }

    [Fact]
    public async Task The_list_has_pages_and_leaves_out_the_image_itself_and_what_is_deleted()
    {
        Assert.Empty(await HoldersAsync("ann"));
        Assert.Contains("No other image has it", await LayerPageAsync());
        var second = await images.PushAsync("ann/app", null, "{\"a\":1}", (Shared, ContentImages.LayerType));
        Assert.Equal(["ann/app:" + second], await HoldersAsync("ann"));
        await images.PushIndexAsync("ann/app", "both", (second, """{"os":"linux","architecture":"arm64"}"""));
        Assert.Equal(["ann/app:both"], await HoldersAsync("ann"));
        for (var i = 0; i < 3; i++) await images.PushAsync($"ann/more{i}", "1", Shared);
        Assert.Equal(
            ["ann/app:both", "ann/more0:1", "ann/more1:1", "ann/more2:1"], await HoldersAsync("ann", "&n=1"));
        Assert.Contains("rel=\"next\"", (await pages.GetAsync($"/r/ann/app:1/-/layer?layer={Layer}&n=2")).Text);

        // What is in the trash is not there.
        await admin.ApiAsync("DELETE", "/repositories/ann/more1", null, 204);
        Assert.Equal(["ann/app:both", "ann/more0:1", "ann/more2:1"], await HoldersAsync("ann", "&n=2"));

        // A few of many images of one repository.
        for (var i = 0; i < 12; i++)
            await images.PushAsync("ann/many", $"{i}", $$"""{"i":{{i}}}""", (Shared, ContentImages.LayerType));
        var many = (await AskAsync("ann", "")).GetProperty("items").EnumerateArray()
            .Single(one => one.Of("repository") == "ann/many");
        Assert.Equal((10, "True"), (many.GetProperty("images").GetArrayLength(), many.Of("hasMore")));
    }

    [Fact]
    public async Task The_page_of_an_image_tells_what_its_deletion_frees()
    {
        await images.PushAsync("ann/other", "1", Shared);
        await admin.ApiAsync("POST", "/grants", """{"names":"ann/app","user":"eve","actions":["pull"]}""", 201);
        var page = (await pages.GetAsync("/r/ann/app:1", "ann")).Is(200).Text;
        Assert.Contains($"/r/ann/app:1/-/layer?layer={Layer}", page);
        Assert.Contains("If this tag is deleted", page);
        Assert.Contains($"{Own.Length.ToString("N0", null)} bytes", page);
        Assert.Contains("stays: other images need it too", page);

        // A second tag holds the image.
        await admin.ApiAsync(
            "PUT", "/tags/2?repository=ann/app", $$"""{"target":"{{await admin.DigestOfAsync("ann/app", "1")}}"}""",
            200);
        page = (await pages.GetAsync("/r/ann/app:1", "ann")).Is(200).Text;
        Assert.Contains("That frees no space", page);

        // Whoever may not delete it is not told what others have.
        page = (await pages.GetAsync("/r/ann/app:1", "eve")).Is(200).Text;
        Assert.DoesNotContain("If this tag is deleted", page);
    }

    private async Task<string> LayerPageAsync() =>
        (await pages.GetAsync($"/r/ann/app:1/-/layer?layer={Layer}")).Is(200).Text;

    private static string PathOf(string layer) => $"/api/v1/images/1/layers/{layer}/holders?repository=ann/app";

    private Task<JsonElement> AskAsync(string user, string query) =>
        new ImagePusher(registry, user).ApiAsync("GET", PathOf(Layer)["/api/v1".Length..] + query, null, 200);

    /// <summary>All of them, page by page, each as its repository with its first image.</summary>
    private async Task<List<string>> HoldersAsync(string user, string query = "")
    {
        var found = new List<string>();
        while (true)
        {
            var last = found.Count == 0 ? "" : "&last=" + found[^1].Split(':')[0];
            var items = (await AskAsync(user, query + last)).GetProperty("items").EnumerateArray().ToList();
            foreach (var one in items)
            {
                var image = one.GetProperty("images")[0];
                var name = image.Of("tag") is { Length: > 0 } tag ? tag : image.Of("digest");
                found.Add($"{one.Of("repository")}:{name}");
            }

            if (items.Count == 0 || query.Length == 0) return found;
        }
    }

    private Task<JsonElement> PublishAsync(string repository) =>
        admin.ApiAsync("PATCH", "/repositories/" + repository, """{"isPublic":true}""", 200);
}
