using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Contents;
using Berth.Tests.Identity;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>Somebody who walks.</summary>
/// <param name="Name">What they are.</param>
/// <param name="Authorization">What they send.</param>
/// <param name="MaySee">Whether they may pull from team/app.</param>
/// <param name="Cookie">What their browser sends.</param>
internal sealed record WalkActor(string Name, string? Authorization, bool MaySee, string? Cookie = null)
{
    /// <summary>Whether they may see everything.</summary>
    public bool IsStaff { get; init; }

    /// <summary>Signs in anew, for those whom a route may sign out.</summary>
    public Func<Task<WalkActor>>? Renew { get; init; }

    /// <summary>The name and the password that they would write into a form.</summary>
    public (string Name, string Password) Login
    {
        get
        {
            if (Authorization?.Split(' ') is not ["Basic", var encoded]) return ("", "");
            var parts = Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).Split(':', 2);
            return (parts[0], parts[1]);
        }
    }

    /// <summary>A path or a body, with a place, and the caller's own namespace if they have one.</summary>
    public string Fill(string text, string place) =>
        text.Replace("{0}", place).Replace("{me}", Login.Name is { Length: > 0 } name ? name : "nobody");

    public void Sign(HttpRequestMessage request, RegistryFixture registry)
    {
        if (Authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", Authorization);
        if (Cookie is null) return;
        request.Headers.TryAddWithoutValidation("Cookie", Cookie);
        request.Headers.TryAddWithoutValidation("Origin", registry.BaseAddress.GetLeftPart(UriPartial.Authority));
    }
}

/// <summary>
/// Callers of every kind that one registry can have. Users of LDAP and OpenID Connect are accounts with groups, and a
/// client certificate's name is a user, so they get what the accounts here get; a registry that wants certificates
/// wants one from everybody. One that trusts another token server checks no passwords: TrustedTokenTests walks there.
/// </summary>
internal sealed class WalkActors : IAsyncDisposable
{
    private const string Password = "a long password";

    /// <summary>A layer that an image in each of the namespaces has.</summary>
    public static readonly byte[] SharedLayer = new RawTar().File("shared", "by all").End();

    private readonly RegistryFixture registry;
    private readonly AccountsOf accounts;
    private readonly TestIssuer issuer;
    private readonly List<WalkActor> all = [];

    private WalkActors(RegistryFixture registry, TestIssuer issuer) =>
        (this.registry, this.issuer, accounts) = (registry, issuer, new AccountsOf(registry));

    public IReadOnlyList<WalkActor> All => all;

    public RegistryFixture Registry => registry;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>
    /// A registry with the repositories open/app, which is public, team/app and else/app; and with grants for gone/app,
    /// which does not exist.
    /// </summary>
    public static async Task<WalkActors> StartAsync()
    {
        var issuer = await TestIssuer.StartAsync();
        var users = Path.Combine(Directory.CreateTempSubdirectory("berth-users-").FullName, "users");
        var hash = BCrypt.Net.BCrypt.HashPassword(Password, workFactor: 4);
        await File.WriteAllTextAsync(users, $"filed:{hash}\noutside:{hash}\n", Stop);
        var registry = await AccountsOf.StartAsync(
            auth => auth with
            {
                Htpasswd = new HtpasswdSettings { Path = users },
                Oidc = [new() { Name = "github", Kind = OpenIdKind.GitHub, ClientId = "id", ClientSecret = "secret" }],
                Keyless = new KeylessSettings
                {
                    Issuers =
                    [
                        new()
                        {
                            Name = "ci",
                            Url = issuer.Url,
                            Audience = [TestIssuer.Audience],
                            Rules =
                            [
                                KeylessSetup.Rule("""repository == "team/app" """, "pull push", "team/**"),
                                KeylessSetup.Rule("""repository == "open/app" """, "pull push", "open/**"),
                            ],
                        },
                    ],
                },
            },
            settings => settings with
            {
                Access = [new() { Allow = ["user:filed"], Actions = ["pull"], Names = ["team/**"] }],
                ScannerAdapter = new()
                {
                    Enabled = true,
                    Authorization = "Bearer of-the-walk",
                    Registries = ["https://harbor.example.com"],
                },
            });
        var actors = new WalkActors(registry, issuer);
        await actors.FillAsync();
        return actors;
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        await issuer.DisposeAsync();
    }

    private async Task FillAsync()
    {
        foreach (var name in new[] { "open", "team", "else" })
            await accounts.AddOrganizationAsync(name, makesPublic: name == "open");
        var script = new Distribution.Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        foreach (var name in new[] { "open/app", "team/app", "else/app" })
        {
            await LocalUserTests.PushAsync(script, name, "admin");
            await LocalUserTests.PushImageAsync(script, name);
            script.Give("own", WalkedRoutes.TextOf(name.Split('/')[0]));
            await script.PlayAsync(
                $"POST /v2/{name}/blobs/uploads/?digest={{sha256 own}}\n Authorization: {{admin}}\n > {{own}}\n 201");
        }

        // With a file in each of them, which is known before anybody asks.
        var images = new ContentImages(registry);
        foreach (var name in new[] { "open", "team", "else" })
        {
            await images.PushAsync($"{name}/app", "files", SharedLayer, new RawTar().File("etc", name).End());
            await images.SeeAsync($"files/files?repository={name}/app");
        }

        foreach (var name in new[] { "team", "else" })
        {
            await accounts.AddUserAsync($"{name}-user", Password);
            await AskAsync(HttpMethod.Post, $"organizations/{name}/teams", new JsonObject { ["name"] = "dev" });
            await AskAsync(HttpMethod.Post, "robots", new JsonObject
            {
                ["name"] = $"robot.{name}.ci",
                ["namespace"] = name,
            });
        }

        Add("anonymous", null);
        Add("anonymous token", await accounts.BearerAsync(null, "repository:team/app:pull"));
        Add("junk token", "Bearer junk");
        Add("wrong password", Basic("admin", "wrong"));
        await AddUsersAsync();
        await AddTokensAsync();
        await AddOthersAsync();
    }

    private async Task AddUsersAsync()
    {
        await AddUserAsync("stranger", "", false);
        await AddUserAsync("reader", "pull", true);
        await AddUserAsync("writer", "pull,push", true);
        await AddUserAsync("maintainer", "pull,push,delete,manage", true);
        await AddUserAsync("owner", "pull,push,delete,manage,own", true);
        await accounts.AddUserAsync("head", Password);
        await AskAsync(HttpMethod.Put, "organizations/team/members/head", new JsonObject { ["role"] = "owner" });
        Add("organization's owner", Basic("head", Password), maySee: true);
        await accounts.AddUserAsync("auditor", Password, RegistryRole.Auditor);
        all.Add(new WalkActor("auditor", Basic("auditor", Password), true) { IsStaff = true });
        all.Add(new WalkActor("administrator", Basic("admin", AdminPassword), true) { IsStaff = true });
        await AddUserAsync("disabled", "pull,push,delete", false);
        await accounts.SetAsync("disabled", account => account with { IsDisabled = true });
        await AddUserAsync("expired", "pull,push,delete", false);
        var past = TimeProvider.System.GetUtcNow().AddMinutes(-1);
        await accounts.SetAsync("expired", account => account with { ExpiresAt = past });
    }

    private async Task AddTokensAsync()
    {
        var robot = await accounts.AddRobotAsync("robot.team");
        await accounts.GrantAsync(robot, "team/*", "pull,push");
        Add("robot", Basic("robot.team", (await accounts.AddTokenAsync(robot, TokenKinds.Robot)).Secret), maySee: true);
        var limited = await accounts.AddUserAsync("limited", Password);
        await accounts.GrantAsync(limited, "team/app", "pull,push,delete");
        var (_, reading) = await accounts.AddTokenAsync(limited, actions: "pull", patterns: "team/*");
        Add("owner's reading token", Basic("limited", reading), maySee: true);
        var (_, elsewhere) = await accounts.AddTokenAsync(limited, patterns: "open/*");
        Add("token for elsewhere", Basic("limited", elsewhere));
        var (_, over) = await accounts.AddTokenAsync(
            limited, expiresAt: TimeProvider.System.GetUtcNow().AddDays(-2));
        Add("expired token", Basic("limited", over));

        // With it, an upload goes on, so it still shows where one may be.
        var (_, ended) = await accounts.AddTokenAsync(
            limited, expiresAt: TimeProvider.System.GetUtcNow().AddMinutes(-1));
        Add("token that just ended", Basic("limited", ended), maySee: true);
        Add("bearer token", await accounts.BearerAsync(Basic("limited", Password), "repository:team/app:pull"), true);
        var whole = new WalkActor("personal token", null, true);
        all.Add(await PersonalAsync());

        async Task<WalkActor> PersonalAsync() => whole with
        {
            Authorization = Basic("limited", (await accounts.AddTokenAsync(limited)).Secret),
            Renew = PersonalAsync,
        };
    }

    /// <summary>Who has no account, or sends no password.</summary>
    private async Task AddOthersAsync()
    {
        Add("job of team", Basic("ci", TokenOf("team/app")), maySee: true);
        Add("job of open", Basic("ci", TokenOf("open/app")));
        Add("job of nobody", Basic("ci", TokenOf("none/app")));
        Add("user of a file", Basic("filed", Password), maySee: true);
        Add("file's stranger", Basic("outside", Password));
        await AddBrowserAsync("browser", "");
        await AddBrowserAsync("reader's browser", "pull");

        string TokenOf(string repository) =>
            TestIssuer.Token(issuer.Claims(TimeProvider.System, ("repository", repository)));
    }

    private async Task AddBrowserAsync(string name, string actions)
    {
        var user = name.Replace("'s ", "-");
        var id = await accounts.AddUserAsync(user, Password);
        if (actions.Length > 0) await accounts.GrantAsync(id, "team/app", actions);
        all.Add(await SignInAsync());

        async Task<WalkActor> SignInAsync()
        {
            using var answer = await registry.Client.PostAsJsonAsync(
                "auth/password", new Dictionary<string, string> { ["name"] = user, ["password"] = Password }, Stop);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var cookie = answer.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith("berth_session="));
            return new WalkActor(name, null, actions.Length > 0, cookie.Split(';')[0]) { Renew = SignInAsync };
        }
    }

    private async Task AddUserAsync(string name, string actions, bool maySee)
    {
        var id = await accounts.AddUserAsync(name, Password);
        if (actions.Length > 0) await accounts.GrantAsync(id, "team/app", actions);
        if (actions.Length > 0) await accounts.GrantAsync(id, "gone/app", actions);
        Add(name, Basic(name, Password), maySee);
    }

    private void Add(string name, string? authorization, bool maySee = false) =>
        all.Add(new WalkActor(name, authorization, maySee));

    private async Task AskAsync(HttpMethod method, string path, JsonObject body)
    {
        using var request = new HttpRequestMessage(method, "api/v1/" + path) { Content = JsonContent.Create(body) };
        request.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }
}
