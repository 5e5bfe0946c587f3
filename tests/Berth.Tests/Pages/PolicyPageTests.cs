using System.Net;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages on policies and waivers.</summary>
[Accounts]
public sealed class PolicyPageTests : IAsyncLifetime
{
    private const string Policies = "/settings/policies";
    private const string Waivers = "/settings/waivers";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;
    private PageClient ann = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }

        ann = new PageClient(registry, "ann");
        await new ContentImages(registry, "ann").PushAsync(
            "ann/app", "1", RawTar.Gzip(new RawTar().File("a", "b").End()));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Owners_try_a_policy_add_it_see_what_it_refuses_change_it_and_remove_it()
    {
        var tried = await ann.PostAsync(
            Policies + "/preview", ("names", "ann/**"), ("labels", "org.example.team\n<b>x"), ("namespace", "ann"));
        Assert.Equal(HttpStatusCode.OK, tried.Status);
        Assert.Contains("1 of 1 images would be refused.", tried.Text);
        Assert.Contains("ann/app:1", tried.Text);
        Assert.Contains("&lt;b&gt;x", tried.Text);
        Assert.DoesNotContain("<b>x", tried.Text);
        var added = await ann.FillAsync(
            Policies, Policies, ("names", "ann/**"), ("labels", "org.example.team"), ("effect", "refuse"));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        var shown = await ann.GetAsync(added.Location!);
        Assert.Contains("have labels (org.example.team)", shown.Text);
        var policy = (await admin.ApiAsync("GET", "/policies?namespace=ann", null, 200)).GetProperty("items")[0];
        Assert.False(policy.GetProperty("isMandatory").GetBoolean());
        var path = $"{Policies}/{policy.Of("id")}";
        Assert.Contains($"href=\"{path}\"", shown.Text);

        var image = (await ann.GetAsync("/r/ann/app:1")).Text;
        Assert.Contains("Policies refuse pulls of this image", image);
        Assert.Contains(
            "Policies refuse pulls of this image", (await ann.GetAsync("/r/ann/app:1/-/vulnerabilities")).Text);
        Assert.Contains("it has no label org.example.team", image);
        var wrong = await ann.FillAsync(path, path, ("names", "ann/**"), ("maxAgeSeconds", "old"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        var changed = await ann.FillAsync(
            path, path, ("names", "ann/**"), ("labels", ""), ("maxAgeSeconds", "90d"), ("effect", "warn"));
        Assert.Equal(HttpStatusCode.SeeOther, changed.Status);
        Assert.DoesNotContain("Policies refuse", (await ann.GetAsync("/r/ann/app:1")).Text);
        await new PageClient(registry, "eve").GetAsync(path, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.SeeOther, (await ann.FillAsync(path + "/remove", path + "/remove")).Status);
        Assert.DoesNotContain(path, (await ann.GetAsync(Policies)).Text);
    }

    [Theory]
    [InlineData(Policies, "/policies", """{"names":"acme/**","isSigned":true,"exempt":["eve"]}""", "except for eve")]
    [InlineData(Waivers, "/waivers", """{"names":"acme/**","vulnerability":"CVE-1","reason":"x"}""", "CVE-1")]
    public async Task Owners_of_an_organization_see_its_entries_first(
        string page, string path, string entry, string shown)
    {
        await admin.ApiAsync("POST", "/organizations", """{"name":"acme"}""", 201);
        await admin.ApiAsync("PUT", "/organizations/acme/members/ann", """{"role":"owner"}""", 200);
        Assert.Contains("""value="acme/**""", (await ann.GetAsync(page)).Text);
        Assert.Contains("""value="ann/**""", (await ann.GetAsync(page + "?namespace=ann")).Text);
        await admin.ApiAsync("POST", path, entry, 201);
        var seen = (await ann.GetAsync(page)).Text;
        Assert.Contains(shown, seen);
        Assert.Contains($"href=\"{page}?namespace=ann\"", seen);
        if (page == Policies) Assert.Contains("Refuse on pull, promotion (mandatory)", seen);
    }

    [Fact]
    public async Task A_policy_names_licences_one_a_line()
    {
        var wrong = await ann.FillAsync(Policies, Policies, ("names", "ann/**"), ("deniedLicenses", "Nobody's"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("SPDX has no licence", wrong.Text);
        var added = await ann.FillAsync(
            Policies, Policies, ("names", "ann/**"), ("deniedLicenses", "AGPL-*"),
            ("allowedLicenses", "MIT\nBSD-*"), ("allowsUnknownLicenses", "yes"));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        var shown = (await ann.GetAsync(added.Location!)).Text;
        Assert.Contains("have packages under MIT, BSD-* alone, or licences that are not known", shown);
        Assert.Contains("have no package under AGPL-*", shown);
        var policy = (await admin.ApiAsync("GET", "/policies?namespace=ann", null, 200)).GetProperty("items")[0];
        Assert.Contains("BSD-*</textarea>", (await ann.GetAsync($"{Policies}/{policy.Of("id")}")).Text);
    }

    [Fact]
    public async Task What_an_administrator_adds_is_shown_to_owners_and_not_theirs_to_change()
    {
        var page = new PageClient(registry, "admin");
        var added = await page.FillAsync(
            Policies, Policies, ("names", "ann/**"), ("isSigned", "yes"), ("who", "administrators"));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        var policy = (await admin.ApiAsync("GET", "/policies", null, 200)).GetProperty("items")[0];
        Assert.True(policy.GetProperty("isMandatory").GetBoolean());
        var path = $"{Policies}/{policy.Of("id")}";
        var seen = await ann.GetAsync(path);
        Assert.Contains("It is mandatory", seen.Text);
        Assert.DoesNotContain("class=\"button danger\"", seen.Text);
    }

    [Fact]
    public async Task Owners_waive_a_vulnerability_and_take_that_back()
    {
        var wrong = await ann.FillAsync(
            Waivers, Waivers, ("names", "ann/**"), ("vulnerability", "CVE-1"), ("reason", "x"), ("until", "soon"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        var added = await ann.FillAsync(
            Waivers, Waivers, ("names", "ann/**"), ("vulnerability", "cve-2024-3094"), ("package", "xz"),
            ("reason", "not <i>reachable"), ("until", "2099-01-31"));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        var shown = (await ann.GetAsync(added.Location!)).Text;
        Assert.Contains("CVE-2024-3094 (xz)", shown);
        Assert.Contains("not &lt;i&gt;reachable", shown);
        var waiver = (await admin.ApiAsync("GET", "/waivers?namespace=ann", null, 200)).GetProperty("items")[0];
        var path = $"{Waivers}/{waiver.Of("id")}/remove";
        await new PageClient(registry, "eve").GetAsync(path, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.SeeOther, (await ann.FillAsync(path, path)).Status);
        Assert.DoesNotContain(path, (await ann.GetAsync(Waivers)).Text);
    }
}
