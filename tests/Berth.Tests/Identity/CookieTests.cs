using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Berth.Settings;

namespace Berth.Tests.Identity;

/// <summary>Cookies where browsers come over TLS, and what does not count as one.</summary>
[Once]
public sealed class CookieTests
{
    private const string Password = "a good password";
    private const string Name = "__Host-berth_session";

    private static readonly AuthSettings Auth = new()
    {
        Local = new LocalSettings { Enabled = true, AdminPassword = Password, BcryptCost = 4 },
        Oidc = [new OpenIdSettings { Name = "hub", Kind = OpenIdKind.GitHub, ClientId = "x", ClientSecret = "y" }],
    };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tls")]
    [InlineData("proxy")]
    [InlineData("host")]
    public async Task Over_TLS_cookies_are_for_this_host_alone(string how)
    {
        using var files = new CertificateFolder();
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = Auth,
            Http = how switch
            {
                "tls" => s.Http with { Tls = new TlsSettings { Certificate = files.Certificate, Key = files.Key } },
                "proxy" => s.Http with { TrustedProxies = [new IPNetwork(IPAddress.Loopback, 32)] },
                _ => s.Http with { Host = "https://registry.example.com" },
            },
        });
        using var client = ClientOf(registry);
        if (how == "proxy") client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");

        // A neighbour may set this one for the whole domain.
        var (tossed, _) = await SignInAsync(client, cookie: null);
        var (secret, set) = await SignInAsync(client, $"berth_session={tossed}; {Name}=prepared");
        Assert.Equal(
            ["httponly", "max-age=43200", "path=/", "samesite=lax", "secure"],
            set.ToLowerInvariant().Split("; ")[1..].Order(StringComparer.Ordinal));
        Assert.Equal("admin", await WhoAsync(client, $"{Name}={secret}"));
        Assert.Null(await WhoAsync(client, $"berth_session={secret}"));
        Assert.Null(await WhoAsync(client, $"{Name}=prepared; berth_session={secret}"));

        using var start = await client.GetAsync("auth/hub/start", Stop);
        var attempt = Assert.Single(start.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith("__Host-berth_signin_hub=", attempt, StringComparison.Ordinal);
        Assert.Contains("path=/;", attempt, StringComparison.Ordinal);
        Assert.Contains("secure", attempt, StringComparison.Ordinal);

        // A sign-out ends the session here, and not only in the browser.
        using var request = With(HttpMethod.Post, "auth/logout", $"{Name}={secret}");
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        using var ended = await client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.StartsWith($"{Name}=;", Assert.Single(ended.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
        Assert.Null(await WhoAsync(client, $"{Name}={secret}"));
        using var api = With(HttpMethod.Get, "api/v1/me", $"{Name}={secret}");
        using var refused = await client.SendAsync(api, Stop);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task What_a_client_says_of_TLS_counts_only_behind_a_trusted_proxy()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with { Auth = Auth });
        using var client = ClientOf(registry);
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        var (_, set) = await SignInAsync(client, cookie: null, "berth_session");
        Assert.DoesNotContain("secure", set, StringComparison.OrdinalIgnoreCase);
    }

    private static HttpClient ClientOf(RegistryFixture registry) => new(new HttpClientHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
    })
    {
        BaseAddress = registry.BaseAddress,
    };

    private static async Task<(string Secret, string Cookie)> SignInAsync(
        HttpClient client, string? cookie, string name = Name)
    {
        using var request = With(HttpMethod.Post, "auth/password", cookie);
        request.Content = JsonContent.Create(new { name = "admin", password = Password });
        using var answer = await client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var set = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith(name + "=", set, StringComparison.Ordinal);
        return (set.Split('=', ';')[1], set);
    }

    private static async Task<string?> WhoAsync(HttpClient client, string cookie)
    {
        using var request = With(HttpMethod.Get, "auth/session", cookie);
        using var answer = await client.SendAsync(request, Stop);
        var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
        return json.GetProperty("name").GetString();
    }

    private static HttpRequestMessage With(HttpMethod method, string path, string? cookie)
    {
        var request = new HttpRequestMessage(method, path);
        if (cookie is not null) request.Headers.Add("Cookie", cookie);
        return request;
    }
}
