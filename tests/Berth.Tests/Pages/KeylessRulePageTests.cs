using System.Net;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Identity;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>The pages about keyless rules.</summary>
[Accounts]
[Inside]
public sealed class KeylessRulePageTests : IAsyncLifetime
{
    private const string Page = "/settings/keyless-rules";

    private RegistryFixture registry = null!;
    private TestIssuer issuer = null!;
    private ImagePusher admin = null!;
    private PageClient root = null!;

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        var known = new KeylessIssuerSettings
        {
            Name = "ci",
            Url = issuer.Url,
            Audience = [TestIssuer.Audience],
            Rules = [KeylessSetup.Rule("repository == \"acme/<b>\"", "pull", "acme/**")],
        };
        registry = await AccountsOf.StartAsync(
            auth => auth with { Keyless = new KeylessSettings { Issuers = [known], StoredRules = 8 } });
        admin = new ImagePusher(registry, "admin");
        root = new PageClient(registry, "admin");
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        await issuer.DisposeAsync();
    }

    [Fact]
    public async Task A_rule_is_made_replaced_and_deleted()
    {
        var made = await root.FillAsync(
            Page, Page, ("issuer", "ci"), ("if", "repository == \"web/*\""), ("actions", "push"),
            ("names", "web/**\r\nbase/*"));
        Assert.Equal((HttpStatusCode.SeeOther, Page + "?done=added"), (made.Status, made.Location));
        var rule = await RuleAsync();
        Assert.Equal("""["push"]["web/**","base/*"]""", rule.Of("actions") + rule.Of("names"));
        var one = $"{Page}/{rule.Of("id")}";
        var page = await root.GetAsync(one);
        Assert.Contains("\nweb/**&#xA;base/*</textarea>", page.Text);
        await root.SubmitAsync(
            page, one, ("issuer", "ci"), ("if", "repository == \"api\""), ("actions", "pull"), ("names", "api/**"));
        Assert.Equal("""["pull"]""", (await RuleAsync()).Of("actions"));
        var question = await root.GetAsync(one + "/delete");
        Assert.Contains("may no longer pull in api/**", question.Text);
        Assert.Equal(Page + "?done=removed", (await root.SubmitAsync(question, one + "/delete")).Location);
        await root.GetAsync(one, HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("ci", "repository ==", "pull", "web/**", "if")]
    [InlineData("ci", "repository == \"a\"", "pull", "we b!", "names")]
    [InlineData("other", "repository == \"a\"", "pull", "web/**", "issuer")]
    public async Task What_is_wrong_with_a_rule_stands_beside_its_field(
        string name, string condition, string action, string names, string field)
    {
        var page = await root.FillAsync(
            Page, Page, ("issuer", name), ("if", condition), ("actions", action), ("names", names));
        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        Assert.Contains($"id=\"settings-keyless-rules-{field}-fault\"", page.Text);
        Assert.Contains($"\n{WebUtility.HtmlEncode(condition)}</textarea>", page.Text);
    }

    [Fact]
    public async Task Rules_of_the_settings_are_shown_and_have_no_form()
    {
        Assert.Contains("acme/&lt;b&gt;", (await root.GetAsync(Page)).Text);
        var page = await root.GetAsync(Page + "/ci.1");
        Assert.Contains("This rule is in the settings", page.Text);
        Assert.DoesNotContain($"action=\"{Page}", page.Text);
        Assert.Equal(HttpStatusCode.Conflict, (await root.PostAsync(Page + "/ci.1/delete")).Status);
    }

    private async Task<JsonElement> RuleAsync() =>
        (await admin.ApiAsync("GET", "/keyless-rules", null, 200)).GetProperty("items")[1];
}
