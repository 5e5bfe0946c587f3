using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;
using Berth.Tests.Scanning;

namespace Berth.Tests.Policies;

/// <summary>A registry whose policies are asked about images, for ann, who may only pull.</summary>
internal sealed class PolicyImages : IAsyncDisposable
{
    private PolicyImages(KnownVulnerabilities known) => Known = known;

    public KnownVulnerabilities Known { get; }

    public AheadClock Clock { get; private init; } = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<PolicyImages> StartAsync()
    {
        var clock = new AheadClock();
        var images = new PolicyImages(await KnownVulnerabilities.StartAsync(clock)) { Clock = clock };
        var accounts = new AccountsOf(images.Known.Registry);
        await accounts.GrantAsync(await accounts.AddUserAsync("ann", ImagePusher.Password), "team/**", "pull");
        return images;
    }

    /// <summary>Pushes an image with one layer, and has it looked into.</summary>
    public async Task<string> PushAsync(string repository, byte[] layer)
    {
        var digest = await Known.Images.PushAsync(repository, "1", layer);
        await Known.CompareAsync($"{repository}:1");
        return digest;
    }

    /// <summary>Adds a policy in the place of all others; returns its number.</summary>
    public async Task<string> SetAsync(string policy)
    {
        foreach (var one in (await AskAsync("GET", "/policies", null, 200)).GetProperty("items").EnumerateArray())
            await AskAsync("DELETE", $"/policies/{one.Of("id")}", null, 204);
        return (await AskAsync("POST", "/policies", policy, 201)).Of("id");
    }

    public Task<JsonElement> AskAsync(string method, string path, string? body, int status) =>
        AskAsync("admin", method, path, body, status);

    /// <summary>Why ann may not pull an image; empty if she may.</summary>
    public async Task<string> WhyNotAsync(string repository, string reference = "1")
    {
        using var answer = await Known.Registry.Client.SendAsync(
            With("ann", HttpMethod.Get, $"/v2/{repository}/manifests/{reference}"), Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        if (answer.StatusCode == HttpStatusCode.OK) return "";
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        return JsonDocument.Parse(text).RootElement.GetProperty("errors")[0].Of("message");
    }

    public ValueTask DisposeAsync() => Known.DisposeAsync();

    private async Task<JsonElement> AskAsync(string user, string method, string path, string? body, int status)
    {
        using var request = With(user, new HttpMethod(method), "/api/v1" + path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await Known.Registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True((int)answer.StatusCode == status, $"{method} {path}: {answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    private static HttpRequestMessage With(string user, HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            AccountsOf.Basic(user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        return request;
    }
}
