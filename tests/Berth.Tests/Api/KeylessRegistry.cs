using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Identity;

namespace Berth.Tests.Api;

/// <summary>
/// A registry that accepts tokens of an issuer <c>ci</c>, with a rule in the settings for <c>acme/tools</c>; and an
/// administrator <c>admin</c>, an auditor <c>aud</c> and a user <c>ann</c>.
/// </summary>
public sealed class KeylessRegistry : IAsyncLifetime
{
    private readonly ApiRegistry api = new();

    internal TestIssuer Issuer { get; private set; } = null!;

    internal RegistryFixture Registry => api.Registry;

    /// <summary>The settings of the issuer, as a command reads them from its environment.</summary>
    internal Dictionary<string, string> Variables => new(Registry.DatabaseVariables)
    {
        ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = Registry.DataFolder,
        ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
        ["REGISTRY_AUTH_KEYLESS_ISSUERS_0_NAME"] = "ci",
        ["REGISTRY_AUTH_KEYLESS_ISSUERS_0_URL"] = Issuer.Url,
        ["REGISTRY_AUTH_KEYLESS_ISSUERS_0_AUDIENCE"] = TestIssuer.Audience,
    };

    public async ValueTask InitializeAsync()
    {
        Issuer = await TestIssuer.StartAsync();
        var issuer = new KeylessIssuerSettings
        {
            Name = "ci",
            Url = Issuer.Url,
            Audience = [TestIssuer.Audience],
            Rules = [KeylessSetup.Rule("repository == \"acme/tools\"", "pull", "acme/**")],
        };
        var keyless = new KeylessSettings { Issuers = [issuer], StoredRules = 8 };
        await api.StartAsync(auth => auth with { Keyless = keyless });
    }

    public async ValueTask DisposeAsync()
    {
        await api.DisposeAsync();
        await Issuer.DisposeAsync();
    }

    /// <summary>A token of the issuer for a repository, now.</summary>
    internal string Token(string repository, params (string Name, JsonNode? Value)[] claims) =>
        TestIssuer.Token(Issuer.Claims(TimeProvider.System, [("repository", repository), .. claims]));

    /// <inheritdoc cref="ApiRegistry.AskAsync"/>
    internal Task<ApiResult> AskAsync(
        string? who, string method, string path, string? body = null, string? match = null) =>
        api.AskAsync(who, method, path, body, match);

    /// <summary>What a token lets its bearer do in a repository that does not exist yet: 202 if it may push.</summary>
    internal async Task<int> PushAsync(string token, string repository) =>
        (await api.AskAsync($"ci:{token}", "POST", $"/v2/{repository}/blobs/uploads/")).Status;
}
