using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Access;

/// <summary>A registry with one user of a file, <c>ann</c>, and her tokens.</summary>
internal static class TokenRegistry
{
    public const string Password = "correct horse";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static async Task<RegistryFixture> StartAsync(
        AnonymousAccess anonymous = AnonymousAccess.Pull, TimeSpan? lifetime = null, DatabaseSettings? database = null,
        Func<HttpSettings, HttpSettings>? http = null, string[]? others = null, StoreBucket? bucket = null)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("berth-users-").FullName, "users");
        await File.WriteAllTextAsync(
            path, $"ann:{BCrypt.Net.BCrypt.HashPassword(Password, workFactor: 4)}\n", Stop);
        var auth = new AuthSettings
        {
            Anonymous = anonymous,
            Htpasswd = new HtpasswdSettings { Path = path },
            OtherServices = others ?? [],
        };
        if (lifetime is { } set) auth = auth with { TokenLifetime = set };
        return await RegistryFixture.StartAsync(s => s with
        {
            Auth = auth,
            Database = database ?? s.Database,
            Http = http?.Invoke(s.Http) ?? s.Http,
            Storage = bucket?.In(s.Storage) ?? s.Storage,
        });
    }

    public static string ChallengeOf(RegistryFixture registry) =>
        $"Bearer realm=\"{registry.BaseAddress}token\",service=\"berth\"";

    /// <param name="registry">Which.</param>
    /// <param name="authorization">The header, or null.</param>
    /// <param name="scopes">Scopes, each perhaps followed by more of the query.</param>
    public static async Task<string> TokenAsync(
        RegistryFixture registry, string? authorization, params IEnumerable<string> scopes)
    {
        var query = string.Concat(scopes.Select(s => s.Split('&')).Select(
            s => string.Join('&', s[1..].Prepend("&scope=" + Uri.EscapeDataString(s[0])))));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"token?client_id=test{query}");
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!["token"]!;
    }

    public static async Task<HttpResponseMessage> PushAsync(RegistryFixture registry, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "v2/a/blobs/uploads/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await registry.Client.SendAsync(request, Stop);
    }

    public static async Task IsRefusedAsync(RegistryFixture registry, params IEnumerable<string> tokens)
    {
        foreach (var token in tokens)
        {
            using var answer = await PushAsync(registry, token);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{answer.StatusCode} for {token}");
        }
    }

    public static string Basic(string user, string password) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
}
