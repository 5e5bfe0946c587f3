using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Berth.Tests.Identity;

/// <summary>A browser without scripts: cookies, forms, and redirects, which it follows only when told to.</summary>
internal sealed partial class TestBrowser(RegistryFixture registry) : IDisposable
{
    private readonly CookieContainer jar = new();
    private HttpClient? client;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What pages of the registry have as <c>Origin</c>.</summary>
    public string Origin => registry.BaseAddress.GetLeftPart(UriPartial.Authority);

    public string? SessionCookie
    {
        get => jar.GetCookies(registry.BaseAddress)["berth_session"]?.Value;
        set => jar.Add(new Cookie("berth_session", value, "/", registry.BaseAddress.Host));
    }

    public void ForgetCookies()
    {
        foreach (var cookie in jar.GetAllCookies().Cast<Cookie>()) cookie.Expired = true;
    }

    public Task<HttpResponseMessage> GetAsync(string path) => GetAsync(new Uri(registry.BaseAddress, path));

    public async Task<HttpResponseMessage> GetAsync(Uri url) => await Client.GetAsync(url, Stop);

    /// <param name="path">Of the registry.</param>
    /// <param name="content">The body.</param>
    /// <param name="origin">The site whose page sends it; null: no browser would.</param>
    /// <param name="method">POST, or another.</param>
    public async Task<HttpResponseMessage> SendAsync(
        string path, HttpContent? content, string? origin, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, new Uri(registry.BaseAddress, path));
        request.Content = content;
        if (origin is not null) request.Headers.Add("Origin", origin);
        return await Client.SendAsync(request, Stop);
    }

    /// <summary>The user's name, by <c>/auth/session</c>; null if nobody is signed in.</summary>
    public async Task<string?> WhoAsync()
    {
        using var answer = await GetAsync("auth/session");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement;
        return json.GetProperty("name").GetString();
    }

    /// <summary>Goes through a whole sign-in. Returns the registry's last answer.</summary>
    public async Task<HttpResponseMessage> SignInAsync(string user, string system = "corp", string query = "") =>
        await GetAsync(await BeginAsync(user, system, query));

    /// <summary>The same as far as the address to which the page sends the browser back.</summary>
    public Task<Uri> BeginAsync(string user, string system = "corp", string query = "") =>
        FollowAsync(user, new Uri(registry.BaseAddress, $"auth/{system}/start{query}"));

    /// <summary>The same, from an address on.</summary>
    public async Task<Uri> FollowAsync(string user, Uri url)
    {
        for (var hops = 0; hops < 20; hops++)
        {
            using var answer = await Client.GetAsync(url, Stop);
            if (answer.Headers.Location is { } location)
            {
                url = new Uri(url, location);
                if (url.AbsolutePath.EndsWith("/callback", StringComparison.Ordinal)) return url;
                continue;
            }

            var page = await answer.Content.ReadAsStringAsync(Stop);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{url}: {answer.StatusCode} {page}");
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["prompt"] = Prompt().Match(page).Groups[1].Value,
                ["login"] = user,
                ["password"] = "any",
            });
            url = new Uri(url, Action().Match(page).Groups[1].Value);
            using var next = await Client.PostAsync(url, form, Stop);
            url = new Uri(url, next.Headers.Location!);
        }

        throw new InvalidOperationException($"{url} leads nowhere.");
    }

    public void Dispose() => client?.Dispose();

    private HttpClient Client => client ??= new HttpClient(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        CookieContainer = jar,
    });

    [GeneratedRegex("name=\"prompt\" value=\"([a-z]+)\"")]
    private static partial Regex Prompt();

    [GeneratedRegex("action=\"([^\"]+)\"")]
    private static partial Regex Action();
}
