using Berth.Access;
using Berth.Settings;
using Berth.Tests;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Identity;
using Berth.Tests.Lifecycle;

namespace Berth.BrowserTests;

/// <summary>
/// A registry with something on each page, and markup and long names wherever somebody can write some. The
/// administrator is <c>ann</c>; <c>eve</c> may do nothing.
/// </summary>
internal sealed class FilledRegistry : IAsyncDisposable
{
    /// <summary>Whatever runs of it leaves a mark.</summary>
    public const string Hostile = "'><img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

    /// <summary>A user.</summary>
    public static readonly string LongUser = "l" + string.Concat(Enumerable.Repeat("ong-", 15)) + "er";

    /// <summary>A repository.</summary>
    public static readonly string LongName = "team/" + string.Join('-', Enumerable.Repeat("long", 45));

    private static readonly byte[] Png = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private static readonly KeylessIssuerSettings Issuer = new()
    {
        Name = "ci",
        Url = "https://issuer.example",
        Audience = ["berth"],
        Rules = [KeylessSetup.Rule("repository == \"acme/<b>\"", "pull", "acme/**")],
    };

    private FilledRegistry(RegistryFixture registry) => Registry = registry;

    public RegistryFixture Registry { get; }

    public Uri BaseAddress => Registry.BaseAddress;

    /// <summary>Who has made all of it.</summary>
    public ImagePusher Ann => new(Registry, "ann");

    /// <summary>Where the tag <c>team/files:moved</c> pointed before.</summary>
    public string Before { get; private set; } = "";

    /// <summary>A layer that two images of <c>team/files</c> have.</summary>
    public string Layer { get; private set; } = "";

    /// <summary>The page of an invitation.</summary>
    public string JoinPath { get; private set; } = "";

    private static string Config => $$$"""
        {"os":"linux","architecture":"amd64","created":"2026-11-20T10:00:00Z","config":{"User":"1000",
        "Env":["PATH=/usr/bin","APP={{{Hostile}}}"],"Cmd":["run"],"Labels":{"{{{Hostile}}}":"{{{Hostile}}}"}},
        "history":[{"created_by":"{{{Hostile}}}","empty_layer":true}]}
        """;

    /// <summary>One with nothing in it but the two accounts.</summary>
    public static async Task<FilledRegistry> StartEmptyAsync(Func<AuthSettings, AuthSettings>? auth = null)
    {
        var registry = await AccountsOf.StartAsync(auth);
        var accounts = new AccountsOf(registry);
        await accounts.AddUserAsync("ann", ImagePusher.Password, RegistryRole.Administrator);
        await accounts.AddUserAsync("eve", ImagePusher.Password);
        return new FilledRegistry(registry);
    }

    public static async Task<FilledRegistry> StartAsync()
    {
        var filled = await StartEmptyAsync(auth => auth with
        {
            Local = auth.Local with { OpenRegistration = true },
            Keyless = new KeylessSettings { Issuers = [Issuer], StoredRules = 8 },
        });
        await filled.PushAsync();
        await filled.PushFilesAsync();
        await filled.AddAccountsAsync();
        await filled.InviteAsync();
        await filled.AddRulesAsync();
        return filled;
    }

    public ValueTask DisposeAsync() => Registry.DisposeAsync();

    private async Task PushAsync()
    {
        foreach (var name in new[] { "team/app", LongName, "open/app", "team/gone" })
            await Ann.PushConfigAsync(name, "1.0", Config);
        await Ann.PushConfigAsync("team/app", new string('v', 128), Config);
        await Ann.ApiAsync("POST", "/repositories", """{"name":"team/empty"}""", 201);
        await Ann.ApiAsync("PATCH", "/repositories/open/app", """{"isPublic":true}""", 200);
        await Ann.ApiAsync(
            "PATCH", "/repositories/team/app",
            $$"""
            {"description":"{{Hostile}} of the team","readme":"# App\n\n{{Hostile}}\n\n| a | b |\n|---|---|\n| 1 | 2 |"}
            """,
            200);
    }

    /// <summary>Images with files in them, and something that says something about one.</summary>
    private async Task PushFilesAsync()
    {
        var images = new ContentImages(Registry);
        var lower = new RawTar().Folder("etc").File("etc/motd", "hello").File("page.html", Hostile)
            .File("picture.svg", $"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'>{Hostile}</svg>")
            .Entry("logo.png", Png).File(Hostile, "1").File("link", "", '2', "etc/motd")
            .File("lib/apk/db/installed", $"P:{Hostile}\nV:1\n\nP:zlib\nV:1.3.0-r1\n").End();
        var upper = new RawTar().File("etc/.wh.motd", "").File("etc/new", Hostile)
            .File("lib/apk/db/installed", "P:zlib\nV:1.3.1-r2\n\nP:musl\nV:1.2.5-r0\n").End();
        Before = await images.PushAsync("team/files", "1", lower);
        await images.PushAsync("team/files", "moved", lower);
        await images.PushAsync("team/files", "2", lower, upper);
        await images.PushAsync("team/files", "moved", lower, upper);
        await images.SeeAsync("2/files?repository=team/files");
        Layer = (await images.AskAsync("1?repository=team/files")).GetProperty("layers")[0].Of("digest");
        await Ann.PushReferrerAsync("team/files", Before);
    }

    private async Task AddAccountsAsync()
    {
        foreach (var (method, path, body) in new[]
        {
            ("POST", "/me/tokens", $$"""{"name":"{{Hostile}}","actions":["pull"],"names":["acme/**"]}"""),
            ("POST", "/users",
                $$"""{"name":"{{LongUser}}","fullName":"{{Hostile}}","email":"{{LongUser}}@example.org"}"""),
            ("POST", "/organizations", $$"""{"name":"acme","fullName":"{{Hostile}}","owner":"ann"}"""),
            ("POST", "/organizations", """{"name":"empty"}"""),
            ("PUT", $"/organizations/acme/members/{LongUser}", """{"role":"reader"}"""),
            ("POST", "/organizations/acme/teams", $$"""{"name":"dev","description":"{{Hostile}}"}"""),
            ("PUT", $"/organizations/acme/teams/dev/members/{LongUser}", null),
            ("POST", "/grants", """{"names":"acme/**","team":"acme/dev","role":"writer"}"""),
            ("POST", "/robots", $$"""
                {"name":"robot.acme.ci","namespace":"acme","description":"{{Hostile}}",
                "grants":[{"names":"acme/**","role":"writer"}]}
                """),
        })
        {
            await Ann.ApiAsync(method, path, body, method == "POST" ? 201 : path.Contains("/teams/") ? 204 : 200);
        }
    }

    private async Task InviteAsync()
    {
        var made = await Ann.ApiAsync("POST", "/invitations", """{"organization":"acme","role":"reader"}""", 201);
        JoinPath = new Uri(made.Of("url")).AbsolutePath;
    }

    /// <summary>What stays and what goes.</summary>
    private async Task AddRulesAsync()
    {
        foreach (var name in new[] { "team/gone", LongName })
        {
            await Ann.PushAsync(name, "2.0", "two");
            await Ann.IsAsync("DELETE", $"/api/v1/tags/1.0?repository={name}", 204);
        }

        await Ann.ApiAsync(
            "PUT", "/pins/prod", $$"""{"images":["team/app@{{await Ann.DigestOfAsync("team/app", "1.0")}}"]}""", 200);
        using var key = System.Security.Cryptography.ECDsa.Create(
            System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        await Ann.ApiAsync(
            "PUT", "/trust/keys/release",
            System.Text.Json.JsonSerializer.Serialize(new { content = key.ExportSubjectPublicKeyInfoPem() }), 200);
        await Ann.ApiAsync(
            "POST", "/policies", """{"names":"team/**","isSigned":true,"labels":["team"],"onlyWarns":true}""", 201);
        await Ann.ApiAsync(
            "POST", "/waivers", """{"names":"team/**","vulnerability":"CVE-2024-3094","reason":"unreachable"}""", 201);
        await Ann.ApiAsync("PUT", "/quotas/team", """{"maxBytes":5000}""", 200);
        await Ann.ApiAsync("POST", "/tag-rules", """{"names":"team/**","tags":["v*"],"keepLastPushed":3}""", 201);

        // Without a grace period it takes the blobs of a push whose manifest has not come yet: nobody pushes meanwhile.
        await Ann.ApiAsync("POST", "/garbage-collections", """{"graceSeconds":0}""", 201);
        await Eventually.TrueAsync(async () => (await Ann.ApiAsync("GET", "/garbage-collections", null, 200))
            .GetProperty("items")[0].TryGetProperty("endedAt", out _));
    }
}
