using Berth.Settings;

namespace Berth.Tests.Servers;

/// <summary>
/// An OpenID provider on loopback: the npm package oidc-provider. All tests share one whose ID tokens have the claims;
/// the other one has them only in userinfo.
/// </summary>
internal sealed class OidcServer : IAsyncDisposable
{
    /// <summary>What tests may call it in the settings: the addresses that it sends browsers back to.</summary>
    private static readonly string[] Names = ["corp", "other", "keycloak", "entra", "google"];

    private static readonly Lazy<Task<OidcServer>> Shared = new(() => StartAsync("token"));
    private static readonly Lazy<Task<OidcServer>> SharedWithUserInfo = new(() => StartAsync("userinfo"));

    /// <summary>It ends when nobody holds this any more.</summary>
    private readonly ServerScript script;

    private OidcServer(ServerScript script, string issuer) => (this.script, Issuer) = (script, issuer);

    public string Issuer { get; }

    /// <summary>Settings for it under the name <c>corp</c>.</summary>
    public OpenIdSettings Settings => new()
    {
        Name = "corp",
        DisplayName = "Corporate sign-in",
        Issuer = Issuer,
        ClientId = "registry",
        ClientSecret = "registry-secret",
        Scopes = ["openid", "profile", "email", "groups"],
    };

    public static Task<OidcServer> SharedAsync(bool withUserInfo = false) =>
        (withUserInfo ? SharedWithUserInfo : Shared).Value;

    /// <summary>Puts a user into other groups.</summary>
    public async Task SetGroupsAsync(string user, params IEnumerable<string> groups)
    {
        using var client = new HttpClient();
        using var answer = await client.PostAsync(
            new Uri($"{Issuer}/test/groups?user={user}&groups={string.Join(',', groups)}"), content: null);
        answer.EnsureSuccessStatusCode();
    }

    public ValueTask DisposeAsync() => script.DisposeAsync();

    private static async Task<OidcServer> StartAsync(string place)
    {
        var port = LoopbackPorts.Free();
        var script = await ServerScript.StartAsync(
            "oidc.sh", [$"{port}", place, .. Names.Select(name => $"/auth/{name}/callback")]);
        return new OidcServer(script, $"http://127.0.0.1:{port}");
    }
}
