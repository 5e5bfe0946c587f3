using System.Net;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Berth.Tests.Verifying;

namespace Berth.Tests.Pages;

/// <summary>The page on whose signatures count.</summary>
[Accounts]
public sealed class TrustPageTests : IAsyncLifetime
{
    private const string Path = "/settings/trust";

    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        admin = new ImagePusher(registry, "admin");
        foreach (var name in new[] { "ann", "eve" })
        {
            await admin.ApiAsync(
                "POST", "/users", $$"""{"name":"{{name}}","password":"{{ImagePusher.Password}}"}""", 201);
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Owners_trust_a_key_in_their_namespace_and_trust_it_no_longer()
    {
        var (ann, key) = (new PageClient(registry, "ann"), new SigningKey());
        var wrong = await ann.FillAsync(
            Path, Path, ("kind", "keys"), ("name", "release"), ("content", "<b>no key"));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
        Assert.Contains("&lt;b&gt;no key", wrong.Text);
        Assert.Contains("id=\"settings-trust-content-fault\"", wrong.Text);
        var added = await ann.SubmitAsync(
            wrong, Path, ("kind", "keys"), ("name", "release"), ("content", key.Pem));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        var shown = await ann.GetAsync(added.Location!);
        Assert.Contains("release", (await admin.ApiAsync("GET", "/trust?namespace=ann", null, 200)).ToString());
        var again = await ann.FillAsync(Path, Path, ("kind", "keys"), ("name", "release"), ("content", key.Pem));
        Assert.Equal(HttpStatusCode.Conflict, again.Status);

        const string Removal = Path + "/ann/keys/release/remove";
        Assert.Contains($"href=\"{Removal}\"", shown.Text);
        await new PageClient(registry, "eve").GetAsync(Removal, HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.SeeOther, (await ann.FillAsync(Removal, Removal)).Status);
        Assert.DoesNotContain(Removal, (await ann.GetAsync(Path)).Text);
    }

    [Fact]
    public async Task What_counts_in_the_whole_registry_is_for_administrators()
    {
        var page = new PageClient(registry, "admin");
        var added = await page.FillAsync(
            Path, Path, ("kind", "identities"), ("name", "ci"), ("issuer", "https://token.example"),
            ("subject", "https://forge.example/acme/**"));
        Assert.Equal(HttpStatusCode.SeeOther, added.Status);
        Assert.Contains("https://forge.example/acme/** (https://token.example)", (await page.GetAsync(Path)).Text);
        var ann = new PageClient(registry, "ann");
        Assert.DoesNotContain("forge.example", (await ann.GetAsync(Path)).Text);
        await ann.GetAsync(Path + "/-/identities/ci/remove", HttpStatusCode.Forbidden);
        Assert.Equal(
            HttpStatusCode.SeeOther,
            (await page.FillAsync(Path + "/-/identities/ci/remove", Path + "/-/identities/ci/remove")).Status);
    }
}
