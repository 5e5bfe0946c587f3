using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Pages about one's own tokens, sessions and password.</summary>
[Accounts]
public sealed partial class TokenPageTests : IAsyncLifetime
{
    private const string Hostile = "<script>alert(1)</script>\" onmouseover='x' \u202etxt";
    private const string Tokens = "/settings/tokens";

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
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_token_is_made_shown_once_rotated_and_revoked()
    {
        var made = await ann.FillAsync(
            Tokens, Tokens, ("name", Hostile), ("actions", "pull"), ("actions", "push"),
            ("names", "ann/**\r\nacme/app"), ("expiresAt", "2099-12-31"));
        Assert.Equal(HttpStatusCode.OK, made.Status);
        Assert.Contains("only this once", made.Text);
        Assert.Contains($"docker login -u ann {registry.BaseAddress.Authority}", made.Text);
        Assert.DoesNotContain("<script>alert", made.Text);
        var secret = SecretIn(made);
        var token = Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray());
        Assert.Equal(Hostile, token.Of("name"));
        Assert.Equal("""["pull","push"]["ann/**","acme/app"]""", token.Of("actions") + token.Of("names"));
        Assert.StartsWith("2100-01-01T00:00:00", token.Of("expiresAt"));
        Assert.Equal(200, await StatusOfAsync(secret));

        var listed = await ann.GetAsync(Tokens);
        Assert.DoesNotContain(secret, listed.Text);
        Assert.DoesNotContain("<script>alert", listed.Text);
        Assert.DoesNotContain('\u202e', listed.Text);
        var id = token.Of("id");
        var rotated = await ann.FillAsync($"{Tokens}/{id}/rotate", $"{Tokens}/{id}/rotate", ("overlapSeconds", "0"));
        Assert.Equal(401, await StatusOfAsync(secret));
        Assert.Equal(200, await StatusOfAsync(SecretIn(rotated)));

        id = Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray()).Of("id");
        var gone = await ann.ConfirmAsync($"{Tokens}/{id}/revoke");
        Assert.Equal((HttpStatusCode.SeeOther, Tokens + "?done=revoked"), (gone.Status, gone.Location));
        Assert.Equal(401, await StatusOfAsync(SecretIn(rotated)));
        Assert.Contains("You have no tokens yet", (await ann.GetAsync(Tokens)).Text);
    }

    [Theory]
    [InlineData("", "pull", "", "2099-12-31", "name", "It is empty")]
    [InlineData("x", "fly", "", "", "actions", "actions are one or more of")]
    [InlineData("x", "pull", "no pattern!", "", "names", "is not a valid pattern")]
    [InlineData("x", "pull", "", "2001-01-01", "expiresAt", "It is in the past")]
    [InlineData("x", "pull", "", "tomorrow", "expiresAt", "is not a day")]
    public async Task What_is_wrong_with_a_token_stands_beside_its_field(
        string name, string action, string names, string day, string field, string fault)
    {
        var page = await ann.FillAsync(
            Tokens, Tokens, ("name", name), ("actions", action), ("names", names), ("expiresAt", day));
        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        var beside = Regex.Match(
            page.Text, $"id=\"settings-tokens-{field}-fault\">.*?</svg>([^<]*)</p>", RegexOptions.Singleline);
        Assert.Contains(fault, WebUtility.HtmlDecode(beside.Groups[1].Value), StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"value=\"{name}\"", page.Text);
        Assert.Empty((await ApiAsync("/me/tokens")).EnumerateArray());
    }

    [Fact]
    public async Task An_administrator_rotates_the_token_of_another_and_the_log_says_who_did()
    {
        var secret = SecretIn(await ann.FillAsync(Tokens, Tokens, ("name", "ci"), ("actions", "pull")));
        var id = Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray()).Of("id");
        var path = $"/settings/users/ann/tokens/{id}/rotate";
        var root = new PageClient(registry, "admin");
        Assert.Contains($"href=\"{path}\"", (await root.GetAsync("/settings/users/ann")).Text);
        await new PageClient(registry, "eve").GetAsync(path, HttpStatusCode.Forbidden);
        Assert.Equal(HttpStatusCode.Forbidden, (await ann.PostAsync(path)).Status);
        var rotated = await root.FillAsync(path, path, ("overlapSeconds", "0"));
        Assert.Equal((401, 200), (await StatusOfAsync(secret), await StatusOfAsync(SecretIn(rotated))));
        await Eventually.TrueAsync(async () =>
            (await admin.ApiAsync("GET", "/audit?changes=true", null, 200)).GetProperty("items").EnumerateArray().Any(
                entry => entry.Of("actor") == "admin"
                    && entry.Of("action") == "POST /api/v1/users/{name}/tokens/{id}/rotate"));
        await root.GetAsync(path, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_double_click_makes_one_token()
    {
        var page = await ann.GetAsync(Tokens);
        var clicks = await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => ann.SubmitAsync(page, Tokens, ("name", "once"))));
        Assert.Single(clicks, click => click.Status == HttpStatusCode.OK);
        Assert.Equal(3, clicks.Count(click => click is { Status: HttpStatusCode.SeeOther, Location: Tokens }));
        Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray());
    }

    [Fact]
    public async Task The_tokens_of_others_are_not_there_and_nobody_is_asked_to_sign_in()
    {
        await ann.FillAsync(Tokens, Tokens, ("name", "of ann"));
        var id = Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray()).Of("id");
        var eve = new PageClient(registry, "eve");
        foreach (var page in new[] { $"{Tokens}/{id}/revoke", $"{Tokens}/{id}/rotate" })
        {
            await eve.GetAsync(page, HttpStatusCode.NotFound);
            Assert.Equal(HttpStatusCode.NotFound, (await eve.PostAsync(page)).Status);
        }

        Assert.DoesNotContain("of ann", (await eve.GetAsync(Tokens)).Text);
        var nobody = new PageClient(registry, null);
        Assert.StartsWith("/auth/sign-in?return=", (await nobody.GetAsync(Tokens, HttpStatusCode.SeeOther)).Location);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.PostAsync(Tokens, ("name", "x"))).Status);
        Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray());
    }

    [Fact]
    public async Task What_a_form_made_is_in_the_audit_log_as_the_API_has_it_and_without_the_secret()
    {
        var secret = SecretIn(await ann.FillAsync(Tokens, Tokens, ("name", "noted")));
        var id = Assert.Single((await ApiAsync("/me/tokens")).EnumerateArray()).Of("id");
        JsonElement entry = default;
        await Eventually.TrueAsync(async () =>
        {
            var log = await admin.ApiAsync(
                "GET", "/audit?action=" + Uri.EscapeDataString("POST /api/v1/me/tokens"), null, 200);
            entry = log.GetProperty("items").EnumerateArray().FirstOrDefault();
            return entry.ValueKind == JsonValueKind.Object;
        });
        Assert.Equal(("ann", "noted", id), (entry.Of("actor"), entry.Of("detail"), entry.Of("target")));
        Assert.DoesNotContain(secret, (await admin.ApiAsync("GET", "/audit?n=100", null, 200)).ToString());
        Assert.DoesNotContain(registry.Log, line => line.Contains(secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_password_is_changed_with_the_present_one_and_shown_never()
    {
        const string Page = "/settings/sign-in";
        var wrong = await ann.FillAsync(
            Page, Page, ("current", "not this one"), ("new", "new words 77"), ("again", "new words 77"));
        Assert.Equal(HttpStatusCode.Forbidden, wrong.Status);
        Assert.Contains("id=\"settings-sign-in-current-fault\"", wrong.Text);
        Assert.DoesNotContain("not this one", wrong.Text);
        Assert.DoesNotContain("new words 77", wrong.Text);
        var typo = await ann.FillAsync(
            Page, Page, ("current", ImagePusher.Password), ("new", "new words 77"), ("again", "other words"));
        Assert.Contains("id=\"settings-sign-in-again-fault\"", typo.Text);
        Assert.Contains("At least 8 characters.", typo.Text);
        var weak = await ann.FillAsync(Page, Page, ("current", ImagePusher.Password), ("new", "a"), ("again", "a"));
        Assert.Contains("id=\"settings-sign-in-new-fault\"", weak.Text);
        var done = await ann.FillAsync(
            Page, Page, ("current", ImagePusher.Password), ("new", "new words 77"), ("again", "new words 77"));
        Assert.Equal((HttpStatusCode.SeeOther, Page + "?done=password"), (done.Status, done.Location));
        await new ImagePusher(registry, "ann") { Secret = "new words 77" }.ApiAsync("GET", "/me", null, 200);
        await new ImagePusher(registry, "ann").ApiAsync("GET", "/me", null, 401);
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended()
    {
        for (var i = 0; i < 2; i++)
        {
            using var form = new FormUrlEncodedContent([new("name", "ann"), new("password", ImagePusher.Password)]);
            using var signIn = new HttpRequestMessage(HttpMethod.Post, "/auth/password") { Content = form };
            signIn.Headers.TryAddWithoutValidation(
                "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
            using var answer = await registry.Client.SendAsync(signIn, TestContext.Current.CancellationToken);
        }

        var shown = (await ann.GetAsync("/settings/sessions")).Text;
        Assert.Contains(">Firefox 140, Linux</span>", shown);
        Assert.DoesNotContain("this browser", shown);

        var sessions = (await ApiAsync("/me/sessions")).EnumerateArray().ToList();
        Assert.Equal(2, sessions.Count);
        var ended = await ann.FillAsync("/settings/sessions", $"/settings/sessions/{sessions[0].Of("id")}/end");
        Assert.Equal(HttpStatusCode.SeeOther, ended.Status);
        var left = Assert.Single((await ApiAsync("/me/sessions")).EnumerateArray());
        Assert.Equal(sessions[1].Of("id"), left.Of("id"));
        Assert.Equal(
            HttpStatusCode.NotFound, (await ann.PostAsync("/settings/sessions/b00000000/end")).Status);
        await ann.ConfirmAsync("/settings/sessions/end");
        Assert.Empty((await ApiAsync("/me/sessions")).EnumerateArray());
    }

    private async Task<JsonElement> ApiAsync(string path) =>
        (await new ImagePusher(registry, "ann").ApiAsync("GET", path, null, 200)).GetProperty("items");

    private async Task<int> StatusOfAsync(string secret)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v2/");
        request.Headers.TryAddWithoutValidation("Authorization", AccountsOf.Basic("ann", secret));
        using var answer = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (int)answer.StatusCode;
    }

    private static string SecretIn(PageAnswered page) => Secret().Match(page.Text).Groups[1].Value;

    [GeneratedRegex("<code tabindex=\"0\">([^<]+)</code>")]
    private static partial Regex Secret();
}
