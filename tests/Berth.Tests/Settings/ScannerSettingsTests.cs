using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class ScannerSettingsTests : IDisposable
{
    private const string Good = "name: trivy, url: 'http://trivy:8080', registryurl: 'https://registry.example.com'";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Scanners_are_named_with_where_they_are()
    {
        Assert.Empty(new RegistrySettings().Scanners);
        Assert.Equal("", SettingsFolder.Print(Load(
            $"[{{{Good}, authorization: Bearer x, timeout: 10s, scantimeout: 1h, interval: 12h, concurrent: 3, "
            + "reportbytes: 1MiB}]")));
        Assert.Equal("", SettingsFolder.Print(_folder.Load(
            "http: {host: 'https://registry.example.com'}\nscanners: [{name: a, url: 'https://a.example/trivy'}]")));
    }

    [Theory]
    [InlineData("[{" + Good + "}, {" + Good + "}]", "1.name", "is the name of a scanner above")]
    [InlineData("[{name: Tri vy, url: 'http://trivy', registryurl: 'https://a'}]", "0.name", "set a short name")]
    [InlineData(
        "[{name: a, url: 'http://me:secret@trivy', registryurl: 'https://a'}]", "0.url", "goes into authorization")]
    [InlineData("[{name: a, url: 'http://trivy', registryurl: here}]", "0.registryurl", "must be the URL")]
    [InlineData("[{name: trivy, url: 'http://trivy'}]", "0.registryurl", "set http.host")]
    [InlineData("[{" + Good + ", authorization: \"a\\nb\"}]", "0.authorization", "must be a header")]
    [InlineData("[{" + Good + ", authorizationfile: /nowhere}]", "0.authorizationfile", "/nowhere")]
    [InlineData("[{" + Good + ", interval: 1s}]", "0.interval", "must be from 1h")]
    public void What_cannot_work_is_said(string yaml, string key, string message)
    {
        var fault = Assert.Single(Load(yaml).Faults);
        Assert.Equal(($"scanners.{key}", Severity.Error), (fault.Key, fault.Severity));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    private SettingsResult Load(string yaml) => _folder.Load("scanners: " + yaml);
}
