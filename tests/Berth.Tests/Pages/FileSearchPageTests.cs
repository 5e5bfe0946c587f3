using System.Net;
using System.Text.RegularExpressions;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The page of searches where <c>file:</c> comes before the name of a file.</summary>
[Accounts]
public sealed partial class FileSearchPageTests : IAsyncLifetime
{
    private static readonly byte[] Layer = new RawTar().File("usr/sbin/sshd", "elf").File("sbin/sshd", "", '2', "x")
        .File("a & b/<i>key.pem", "1").End();

    private RegistryFixture registry = null!;
    private ContentImages images = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        images = new ContentImages(registry);
        await images.PushAsync("team/app", "1", Layer);
        await images.PushAsync("open/app", "2", Layer);
        await images.SeeAsync("1/files?repository=team/app");
        await new ImagePusher(registry, "admin").ApiAsync(
            "PATCH", "/repositories/open/app", """{"isPublic":true}""", 200);
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Files_are_shown_with_the_images_that_have_them_and_lead_there()
    {
        var admin = new PageClient(registry, "admin");
        var found = (await admin.GetAsync("/search?q=file:sshd")).Text;
        Assert.Contains("Found in 1 layer<", found);
        Assert.Contains("<code>/usr/sbin/sshd</code>", found);
        Assert.Contains("symbolic link", found);
        Assert.Contains("team/app:1", found);
        Assert.DoesNotContain("Look further", found);
        var link = ToFiles().Match(found).Groups[1].Value;
        Assert.Contains("/usr/sbin/sshd", (await admin.GetAsync(WebUtility.HtmlDecode(link))).Text);
        var eve = (await new PageClient(registry, null).GetAsync("/search?q=file:sshd")).Text;
        Assert.Contains("open/app:2", eve);
        Assert.DoesNotContain("team/app", eve);
        var hostile = (await admin.GetAsync("/search?q=FILE:*.pem")).Text;
        Assert.Contains("/a &amp; b/&lt;i&gt;key.pem", hostile);
        Assert.DoesNotContain("<i>", hostile);
        var inOne = (await admin.GetAsync("/search?q=namespace:open+file:sshd")).Text;
        Assert.Contains("open/app:2", inOne);
        Assert.DoesNotContain("team/app", inOne);
        Assert.Contains("Nothing was found", (await admin.GetAsync("/search?q=file:none")).Text);
        Assert.Contains("file:sshd", (await admin.GetAsync("/search?q=file:none")).Text);
        Assert.Contains("Nothing was found", (await admin.GetAsync("/search?q=nothing-there")).Text);
        await admin.GetAsync("/search?q=file:a/", HttpStatusCode.BadRequest);
        await admin.GetAsync("/search?q=file:");
    }

    [Fact]
    public async Task A_name_in_quotes_may_have_spaces()
    {
        await images.PushAsync("team/app", "3", new RawTar().File("my key file", "1").File("my key", "1").End());
        await images.SeeAsync("3/files?repository=team/app");
        var admin = new PageClient(registry, "admin");
        foreach (var query in new[] { "file:\"my key file\"", "file:my key file" })
        {
            var found = (await admin.GetAsync("/search?q=" + Uri.EscapeDataString(query))).Text;
            Assert.Contains("<code>/my key file</code>", found);
            Assert.DoesNotContain("<code>/my key</code>", found);
        }
    }

    [Fact]
    public async Task A_search_that_has_not_come_to_the_end_leads_further()
    {
        await images.PushAsync(
            "team/many", "1", [.. Enumerable.Range(0, 5).Select(i => new RawTar().File($"needle-{i}", "x").End())]);
        await images.SeeAsync("1/files?repository=team/many");
        var admin = new PageClient(registry, "admin");
        var (seen, path) = (new List<string>(), "/search?n=1&q=file:needle*");
        for (var pages = 0; path.Length > 0 && pages < 20; pages++)
        {
            var page = (await admin.GetAsync(path)).Text;
            seen.AddRange(Needle().Matches(page).Select(match => match.Value));
            path = WebUtility.HtmlDecode(Further().Match(page).Groups[1].Value);
            Assert.Equal(path.Length > 0, page.Contains("% searched so far"));
        }

        Assert.Equal(5, seen.Count);
        Assert.Equal(5, seen.Distinct().Count());
        Assert.Equal("", path);
    }

    [GeneratedRegex("href=\"(/r/team/app@[^\"]+/-/files[^\"]*)\"")]
    private static partial Regex ToFiles();

    [GeneratedRegex("href=\"([^\"]+)\" rel=\"next\">Look further")]
    private static partial Regex Further();

    [GeneratedRegex("<code>/needle-\\d</code>")]
    private static partial Regex Needle();
}
