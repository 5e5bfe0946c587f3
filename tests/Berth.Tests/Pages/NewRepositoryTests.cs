using System.Net;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The page that makes a repository, and where the settings of one lead.</summary>
[Accounts]
public sealed class NewRepositoryTests : IAsyncLifetime
{
    private const string Hostile = "<img src=x onerror=alert(1)>";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient browser = null!;
    private PageClient reader = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        await admin.PushAsync("team/app", "1.0", "one layer");
        (browser, reader) = (new PageClient(registry, "admin"), new PageClient(registry, "ann"));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_repository_is_made_without_a_push_and_shows_how_to_push_to_it()
    {
        const string New = "/new";
        foreach (var path in new[] { "/", "/explore" })
        {
            Assert.Contains($"href=\"{New}\"", (await reader.GetAsync(path)).Text);
            Assert.DoesNotContain($"href=\"{New}", (await new PageClient(registry, null).GetAsync(path)).Text);
        }

        Assert.Contains("value=\"ann/\"", (await reader.GetAsync(New)).Text);
        Assert.Contains("value=\"team/\"", (await reader.GetAsync(New + "?namespace=team")).Text);
        Assert.Contains($"href=\"{New}?namespace=team\"", (await browser.GetAsync("/explore?namespace=team")).Text);
        var made = await reader.FillAsync(
            New, New, ("name", " ann/web "), ("description", Hostile), ("visibility", "public"));
        Assert.Equal((HttpStatusCode.SeeOther, "/r/ann/web?done=added"), (made.Status, made.Location));
        var shown = await reader.GetAsync(made.Location);
        Assert.Contains("/ann/web:1.0", shown.Text);
        Assert.Contains("role=\"status\"><span>Added.", shown.Text);
        var stored = await admin.ApiAsync("GET", "/repositories/ann/web", null, 200);
        Assert.Equal(
            ("True", Hostile, "True"), (stored.Of("isPublic"), stored.Of("description"), stored.Of("isEmpty")));

        var taken = await reader.FillAsync(New, New, ("name", "ann/web"), ("description", Hostile), ("visibility", ""));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.Contains("id=\"new-name-fault\"", taken.Text);
        Assert.Contains("value=\"&lt;img src=x onerror=alert(1)&gt;\"", taken.Text);
        var wrong = await reader.FillAsync(New, New, ("name", "Ann//x"));
        Assert.Contains("id=\"new-name-fault\"", wrong.Text);
        var tooLong = await reader.FillAsync(New, New, ("name", "ann/y"), ("description", new string('x', 201)));
        Assert.Contains("id=\"new-description-fault\"", tooLong.Text);
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.FillAsync(New, New, ("name", "team/mine"))).Status);
        await admin.ApiAsync("GET", "/repositories/team/mine", null, 404);

        // Whoever may push, and not manage, makes one as its namespace has it.
        await admin.ApiAsync("POST", "/grants", """{"user":"eve","names":"team/*","role":"writer"}""", 201);
        var eve = new PageClient(registry, "eve");
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (await eve.FillAsync(New, New, ("name", "team/eve"), ("visibility", "private"))).Status);
        Assert.Equal(
            HttpStatusCode.SeeOther,
            (await eve.FillAsync(New, New, ("name", "team/eve"), ("visibility", ""), ("description", ""))).Status);
    }

    [Fact]
    public async Task Settings_lead_those_who_may_see_it_to_what_stays_and_goes_in_the_namespace()
    {
        await admin.ApiAsync("POST", "/grants", """{"user":"eve","names":"team/app","role":"owner"}""", 201);
        await admin.ApiAsync("POST", "/organizations", """{"name":"acme","owner":"ann"}""", 201);
        await admin.PushAsync("acme/app", "1", "x");
        var eve = new PageClient(registry, "eve");
        foreach (var (client, repository, sees) in new[]
        {
            (browser, "team/app", true), (reader, "acme/app", true), (eve, "team/app", false),
        })
        {
            var shown = (await client.GetAsync($"/r/{repository}/-/settings")).Text;
            foreach (var kept in new[] { "rules", "trash", "quotas" })
            {
                var link = $"/settings/{kept}?namespace={repository.Split('/')[0]}";
                Assert.Equal(sees, shown.Contains($"href=\"{link}\""));
                await client.GetAsync(link, sees ? HttpStatusCode.OK : HttpStatusCode.NotFound);
            }
        }
    }
}
