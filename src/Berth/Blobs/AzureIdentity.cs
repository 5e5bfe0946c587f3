using System.Globalization;
using System.Text.Json;
using Azure.Core;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Access tokens for an identity in Microsoft Entra ID, from one of:
/// <code>
/// storage.azure.credentials                      an application and its secret
/// AZURE_TENANT_ID, …_CLIENT_ID, …_CLIENT_SECRET  the same
/// AZURE_FEDERATED_TOKEN_FILE                     a service account of Kubernetes: the token in the file is exchanged
/// IDENTITY_ENDPOINT, IDENTITY_HEADER             an App Service, a Container App
/// 169.254.169.254                                a virtual machine
/// </code>
/// The client library caches a token and renews it before it expires. Microsoft's library for this, Azure.Identity, has
/// many more sources, most of them for developers' machines, and only accepts authorities over TLS, for which tests
/// can't provide a stand-in.
/// </summary>
internal sealed class AzureIdentity : TokenCredential
{
    private const string Storage = "https://storage.azure.com";
    private const string Assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(30) };

    private readonly Func<CancellationToken, Task<HttpRequestMessage>> ask;

    private AzureIdentity(Func<CancellationToken, Task<HttpRequestMessage>> ask) => this.ask = ask;

    /// <summary>The identity from the settings, the environment or the machine.</summary>
    public static AzureIdentity Open(AzureSettings settings)
    {
        var given = settings.Credentials;
        if (given.Type == AzureCredentialSettings.ClientSecret)
            return OfSecret(given.TenantId!, given.ClientId!, given.Secret!);
        var (tenant, client) = (Variable("AZURE_TENANT_ID"), Variable("AZURE_CLIENT_ID"));
        if (tenant is not null && client is not null)
        {
            if (Variable("AZURE_CLIENT_SECRET") is { } secret) return OfSecret(tenant, client, secret);
            if (Variable("AZURE_FEDERATED_TOKEN_FILE") is { } file) return OfTokenFile(tenant, client, file);
        }

        return Variable("IDENTITY_ENDPOINT") is { } endpoint && Variable("IDENTITY_HEADER") is { } header
            ? new AzureIdentity(_ => Task.FromResult(AskMachine(
                $"{endpoint}?api-version=2019-08-01", client, ("X-IDENTITY-HEADER", header))))
            : new AzureIdentity(_ => Task.FromResult(AskMachine(
                $"{MetadataHost}/metadata/identity/oauth2/token?api-version=2018-02-01", client,
                ("Metadata", "true"))));
    }

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The store is only called asynchronously.");

    public override async ValueTask<AccessToken> GetTokenAsync(
        TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        using var request = await ask(cancellationToken);
        using var answer = await Http.SendAsync(request, cancellationToken);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        // A refusal may be temporary, such as while keys are rotated. So it is reported as a failure that is retried.
        if (!answer.IsSuccessStatusCode)
        {
            throw new HttpRequestException(
                $"{request.RequestUri?.Authority} gives no token: {(int)answer.StatusCode} {ReasonIn(text)}");
        }

        return TokenIn(text);
    }

    private static AzureIdentity OfSecret(string tenant, string client, string secret) =>
        new(_ => Task.FromResult(AskDirectory(tenant, client, ("client_secret", secret))));

    /// <summary>The file is read each time, because the cluster rotates the token in it.</summary>
    private static AzureIdentity OfTokenFile(string tenant, string client, string file) => new(
        async cancellation => AskDirectory(
            tenant, client, ("client_assertion_type", Assertion),
            ("client_assertion", (await File.ReadAllTextAsync(file, cancellation)).Trim())));

    private static HttpRequestMessage AskDirectory(
        string tenant, string client, params (string Name, string Value)[] proof)
    {
        var authority = (Variable("AZURE_AUTHORITY_HOST") ?? "https://login.microsoftonline.com").TrimEnd('/');
        (string Name, string Value)[] form =
        [
            .. proof, ("client_id", client), ("grant_type", "client_credentials"), ("scope", $"{Storage}/.default"),
        ];
        return new HttpRequestMessage(HttpMethod.Post, $"{authority}/{tenant}/oauth2/v2.0/token")
        {
            Content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))),
        };
    }

    private static HttpRequestMessage AskMachine(string address, string? client, (string Name, string Value) header)
    {
        var chosen = client is null ? "" : $"&client_id={Uri.EscapeDataString(client)}";
        var request = new HttpRequestMessage(
            HttpMethod.Get, $"{address}&resource={Uri.EscapeDataString(Storage)}{chosen}");
        request.Headers.Add(header.Name, header.Value);
        return request;
    }

    private static AccessToken TokenIn(string text)
    {
        using var json = JsonDocument.Parse(text);
        var root = json.RootElement;
        // Some sources send numbers, others numbers as strings.
        var until = root.TryGetProperty("expires_in", out var span)
            ? TimeProvider.System.GetUtcNow().AddSeconds(NumberIn(span))
            : DateTimeOffset.FromUnixTimeSeconds(NumberIn(root.GetProperty("expires_on")));
        return new AccessToken(root.GetProperty("access_token").GetString()!, until);
    }

    private static long NumberIn(JsonElement value) => long.Parse(value.ToString(), CultureInfo.InvariantCulture);

    private static string ReasonIn(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.GetProperty("error_description").ToString().Split('\n')[0].TrimEnd();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return "";
        }
    }

    private static string MetadataHost =>
        (Variable("AZURE_POD_IDENTITY_AUTHORITY_HOST") ?? "http://169.254.169.254").TrimEnd('/');

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
