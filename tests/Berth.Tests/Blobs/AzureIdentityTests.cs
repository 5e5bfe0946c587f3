using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text;
using Berth.Blobs;
using Berth.Settings;
using Berth.Tests.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Blobs;

/// <summary>A container to which an identity signs in, for tokens of a directory or a machine.</summary>
public sealed class AzureIdentityTests : IAsyncLifetime
{
    private const string Storage = "https://storage.azure.com";

    private readonly ConcurrentQueue<(string Path, IReadOnlyDictionary<string, string> Values)> asked = new();
    private readonly List<string> variables = [];
    private readonly string tokenFile = Path.GetTempFileName();
    private WebApplication directory = null!;
    private AzureContainer container = null!;
    private bool isRefusing;

    public async ValueTask InitializeAsync()
    {
        container = await AzureServer.CreateContainerAsync(isOverTls: true);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        directory = builder.Build();
        directory.Run(AnswerAsync);
        await directory.StartAsync();
        Set("AZURE_AUTHORITY_HOST", directory.Urls.Single());
        Set("AZURE_POD_IDENTITY_AUTHORITY_HOST", directory.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in variables) Environment.SetEnvironmentVariable(name, null);
        await container.DisposeAsync();
        await directory.DisposeAsync();
        File.Delete(tokenFile);
    }

    [Fact]
    public async Task A_service_accounts_token_is_exchanged_once_for_many_requests()
    {
        await File.WriteAllTextAsync(tokenFile, "of-the-cluster\n", StoreUse.Stop);
        Set("AZURE_TENANT_ID", "tenant");
        Set("AZURE_CLIENT_ID", "client");
        Set("AZURE_FEDERATED_TOKEN_FILE", tokenFile);
        await AssertWorksAsync(new AzureCredentialSettings());
        var (path, form) = Assert.Single(asked);
        Assert.Equal("/tenant/oauth2/v2.0/token", path);
        Assert.Equal("client", form["client_id"]);
        Assert.Equal("of-the-cluster", form["client_assertion"]);
        Assert.Equal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form["client_assertion_type"]);
        Assert.Equal("client_credentials", form["grant_type"]);
        Assert.Equal(Storage + "/.default", form["scope"]);
    }

    [Fact]
    public async Task An_applications_secret_of_the_settings_is_exchanged()
    {
        await AssertWorksAsync(new AzureCredentialSettings
        {
            Type = AzureCredentialSettings.ClientSecret,
            TenantId = "tenant",
            ClientId = "client",
            Secret = "hush",
        });
        var (path, form) = Assert.Single(asked);
        Assert.Equal("/tenant/oauth2/v2.0/token", path);
        Assert.Equal("hush", form["client_secret"]);
    }

    [Fact]
    public async Task An_applications_secret_of_the_environment_is_exchanged()
    {
        Set("AZURE_TENANT_ID", "tenant");
        Set("AZURE_CLIENT_ID", "client");
        Set("AZURE_CLIENT_SECRET", "hush");
        await AssertWorksAsync(new AzureCredentialSettings { Type = AzureCredentialSettings.FromMachine });
        Assert.Equal("hush", Assert.Single(asked).Values["client_secret"]);
    }

    [Fact]
    public async Task A_machine_gives_the_token_of_the_identity_that_is_named()
    {
        Set("AZURE_CLIENT_ID", "client");
        await AssertWorksAsync(new AzureCredentialSettings());
        var (path, query) = Assert.Single(asked);
        Assert.Equal("/metadata/identity/oauth2/token", path);
        Assert.Equal("true", query["Metadata"]);
        Assert.Equal(Storage, query["resource"]);
        Assert.Equal("client", query["client_id"]);
    }

    [Fact]
    public async Task An_app_service_gives_the_token_of_its_identity()
    {
        Set("IDENTITY_ENDPOINT", directory.Urls.Single() + "/msi/token");
        Set("IDENTITY_HEADER", "proof");
        await AssertWorksAsync(new AzureCredentialSettings());
        var (path, query) = Assert.Single(asked);
        Assert.Equal("/msi/token", path);
        Assert.Equal("proof", query["X-IDENTITY-HEADER"]);
    }

    [Fact]
    public async Task What_the_directory_says_when_it_refuses_is_told()
    {
        isRefusing = true;
        using var store = Open(new AzureCredentialSettings(), retries: 0);
        var problem = await store.FindProblemAsync(forPulls: true, StoreUse.Stop);
        Assert.Contains("gives no token: 401 no such application", problem, StringComparison.Ordinal);
        var digest = StoreUse.DigestOf([1]);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.LengthOfAsync(digest, StoreUse.Stop).AsTask());
        isRefusing = false;
        Assert.Null(await store.FindProblemAsync(forPulls: true, StoreUse.Stop));
    }

    [Fact]
    public async Task Addresses_are_signed_with_a_key_that_the_store_gives_the_identity()
    {
        using var store = Open(new AzureCredentialSettings());
        var content = StoreUse.Bytes(1, 1000);
        var digest = await StoreUse.PushWholeAsync(store, content);
        using var blob = await store.OpenAsync(digest, StoreUse.Stop);
        var address = await blob!.SignAddressAsync(TimeSpan.FromMinutes(5));
        Assert.Contains("skoid=", address!.Query, StringComparison.Ordinal);
        Assert.Contains("sp=r&", address.Query + "&", StringComparison.Ordinal);
        Assert.Equal("https", address.Scheme);
    }

    /// <summary>A blob that fits into no part is written, copied and read.</summary>
    private async Task AssertWorksAsync(AzureCredentialSettings credentials)
    {
        using var store = Open(credentials);
        var content = StoreUse.Bytes(1, 6 << 20);
        Assert.Equal(content, await StoreUse.ReadAsync(store, await StoreUse.PushWholeAsync(store, content)));
    }

    private ObjectBlobStore Open(AzureCredentialSettings credentials, int retries = 2)
    {
        var settings = container.In(new StorageSettings(), new StoreOptions(5 << 20));
        return TestEngines.Open(settings with
        {
            Azure = settings.Azure! with
            {
                AccountKey = null,
                Credentials = credentials,
                SkipVerify = true,
                Retries = retries,
            },
        });
    }

    private void Set(string name, string value)
    {
        variables.Add(name);
        Environment.SetEnvironmentVariable(name, value);
    }

    /// <summary>Numbers are texts where a machine answers, as on Azure.</summary>
    private async Task AnswerAsync(HttpContext http)
    {
        var values = http.Request.HasFormContentType
            ? (await http.Request.ReadFormAsync(StoreUse.Stop)).Select(f => (f.Key, Value: f.Value.ToString()))
            : http.Request.Query.Concat(http.Request.Headers).Select(q => (q.Key, Value: q.Value.ToString()));
        var found = values.ToDictionary(v => v.Key, v => v.Value, StringComparer.OrdinalIgnoreCase);
        asked.Enqueue((http.Request.Path, found));
        http.Response.ContentType = "application/json";
        http.Response.StatusCode = isRefusing ? StatusCodes.Status401Unauthorized : StatusCodes.Status200OK;
        var until = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
        var life = http.Request.Path.Value switch
        {
            "/msi/token" => $"\"expires_on\": \"{until}\"",
            "/metadata/identity/oauth2/token" => $"\"expires_in\": \"3599\", \"expires_on\": \"{until}\"",
            _ => "\"expires_in\": 3599",
        };
        await http.Response.WriteAsync(
            isRefusing
                ? """{"error": "invalid_client", "error_description": "no such application\r\nTrace ID: 1"}"""
                : $"{{\"token_type\": \"Bearer\", \"access_token\": \"{TokenUntil(until)}\", {life}}}",
            StoreUse.Stop);
    }

    /// <summary>The emulator looks into a token, and not at who signed it.</summary>
    private static string TokenUntil(long seconds)
    {
        var past = TimeProvider.System.GetUtcNow().AddMinutes(-5).ToUnixTimeSeconds();
        var claims = $"{{\"iss\": \"https://sts.windows.net/tenant/\", \"aud\": \"{Storage}\", \"oid\": \"o\", "
            + $"\"tid\": \"t\", \"iat\": {past}, \"nbf\": {past}, \"exp\": {seconds}}}";
        return $"{Encode("{\"alg\": \"RS256\", \"typ\": \"JWT\"}")}.{Encode(claims)}.{Encode("signature")}";
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
