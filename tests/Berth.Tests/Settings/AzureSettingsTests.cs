using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class AzureSettingsTests : IDisposable
{
    private const string Place = "accountname: example, container: registry";
    private const string Key = "accountkey: c2VjcmV0";
    private const string Application = "clientid: c, tenantid: t, secret: s";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_section_of_distribution_loads_as_it_is()
    {
        var result = _folder.Load(
            """
            storage:
              azure:
                accountname: example
                accountkey: c2VjcmV0
                container: registry
                rootdirectory: /some/where/
                realm: core.usgovcloudapi.net
                credentials:
                  type: shared_key
                max_retries: 4
              redirect:
                disable: true
            """);
        Assert.Empty(result.Faults);
        var azure = result.Settings!.Storage.Azure!;
        Assert.Equal("https://example.blob.core.usgovcloudapi.net", azure.Endpoint);
        Assert.Equal(4, azure.Retries);
        Assert.Equal("azure://example/registry/some/where", azure.ToString());
        Assert.True(result.Settings.Storage.IsShared);
    }

    [Fact]
    public void Variables_are_those_of_distribution()
    {
        var azure = SettingsFolder.LoadVariables(
            "REGISTRY_STORAGE=azure", "REGISTRY_STORAGE_AZURE_ACCOUNTNAME=example",
            "REGISTRY_STORAGE_AZURE_CONTAINER=registry", "REGISTRY_STORAGE_AZURE_CREDENTIALS_TYPE=client_secret",
            "REGISTRY_STORAGE_AZURE_CREDENTIALS_CLIENTID=c", "REGISTRY_STORAGE_AZURE_CREDENTIALS_TENANTID=t",
            "REGISTRY_STORAGE_AZURE_CREDENTIALS_SECRET=s").Settings!.Storage.Azure!;
        Assert.Equal("azure://example/registry", azure.ToString());
        Assert.Equal("s", azure.Credentials.Secret);
    }

    [Theory]
    [InlineData(Place)]
    [InlineData(Place + ", " + Key)]
    [InlineData(Place + ", credentials: {type: default_credentials}")]
    [InlineData(Place + ", credentials: {type: client_secret, " + Application + "}")]
    [InlineData(Place + ", sastoken: 'sv=2025-01-05&sp=racwdl&sig=x%3D'")]
    [InlineData(Place + ", " + Key + ", serviceurl: 'http://127.0.0.1:10000/example'")]
    public void What_can_work_is_fine(string yaml) =>
        Assert.Empty(_folder.Load($"storage: {{azure: {{{yaml}}}}}").Faults);

    [Theory]
    [InlineData("container: registry", "storage.azure.accountname")]
    [InlineData("accountname: Example, container: registry", "storage.azure.accountname")]
    [InlineData("accountname: example", "storage.azure.container")]
    [InlineData("accountname: example, container: My_Images", "storage.azure.container")]
    [InlineData(Place + ", accountkey: 'no base64!'", "storage.azure.accountkey")]
    [InlineData(Place + ", credentials: {type: shared_key}", "storage.azure.accountkey")]
    [InlineData(Place + ", credentials: {type: magic}", "storage.azure.credentials.type")]
    [InlineData(Place + ", credentials: {type: client_secret, clientid: c}", "storage.azure.credentials.type")]
    [InlineData(Place + ", credentials: {" + Application + "}", "storage.azure.credentials.type")]
    [InlineData(Place + ", " + Key + ", credentials: {type: default_credentials}", "storage.azure.accountkey")]
    [InlineData(Place + ", sastoken: nothing", "storage.azure.sastoken")]
    [InlineData(Place + ", " + Key + ", sastoken: 'sig=x'", "storage.azure.sastoken")]
    [InlineData(Place + ", sastoken: 'sig=x', credentials: {type: default_credentials}", "storage.azure.sastoken")]
    [InlineData(Place + ", serviceurl: 'ftp://x'", "storage.azure.serviceurl")]
    [InlineData(Place + ", " + Key + ", serviceurl: 'https://x/?sv=1'", "storage.azure.serviceurl")]
    [InlineData(Place + ", serviceurl: 'http://x'", "storage.azure.serviceurl")]
    [InlineData(Place + ", realm: 'https://x'", "storage.azure.realm")]
    [InlineData(Place + ", realm: x.example.com, serviceurl: 'https://x.example.com'", "storage.azure.realm")]
    [InlineData(Place + ", chunksize: 4MiB", "storage.azure.chunksize")]
    [InlineData(Place + ", uploadmemorybytes: 9MiB", "storage.azure.uploadmemorybytes")]
    [InlineData(Place + ", retries: -1", "storage.azure.retries")]
    [InlineData(Place + ", timeout: 0.5s", "storage.azure.timeout")]
    public void What_cannot_work_is_said(string yaml, string key)
    {
        var fault = Assert.Single(_folder.Load($"storage: {{azure: {{{yaml}}}}}").Faults);
        Assert.Equal((key, Severity.Error), (fault.Key, fault.Severity));
    }

    [Theory]
    [InlineData("s3: {bucket: b, region: r}", "storage.azure")]
    [InlineData("inmemory: {}", "storage.inmemory")]
    public void Only_one_place_can_be_given(string other, string key)
    {
        var faults = _folder.Load($"storage: {{azure: {{{Place}}}, {other}}}").Faults;
        Assert.Equal(key, Assert.Single(faults, f => f.Severity == Severity.Error).Key);
    }

    [Theory]
    [InlineData("azure: {" + Place + ", skipverify: true}", "storage.azure.skipverify")]
    [InlineData("azure: {" + Place + ", retry_delay: 100ms}", "storage.azure.retry_delay")]
    [InlineData("azure: {" + Place + ", copy_status_poll_delay: 1s}", "storage.azure.copy_status_poll_delay")]
    [InlineData("azure: {" + Place + "}, filesystem: {rootdirectory: d}", "storage.filesystem.rootdirectory")]
    [InlineData("azure: {" + Place + ", sastoken: 'sig=x'}, redirect: {mode: always}", "storage.redirect.mode")]
    public void What_changes_less_than_it_seems_is_noticed(string yaml, string key)
    {
        var result = _folder.Load($"storage: {{{yaml}}}");
        var fault = Assert.Single(result.Faults);
        Assert.Equal((key, Severity.Notice), (fault.Key, fault.Severity));
        Assert.NotNull(result.Settings);
    }

    [Fact]
    public void Settings_written_out_hold_no_secret()
    {
        var settings = new AzureSettings
        {
            AccountKey = "access",
            SasToken = "s1gn",
            Credentials = new AzureCredentialSettings { Secret = "secret" },
        };
        var text = $"{settings} {settings.Credentials} {new StorageSettings { Azure = settings }}";
        Assert.DoesNotContain("access", text, StringComparison.Ordinal);
        Assert.DoesNotContain("s1gn", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }
}
