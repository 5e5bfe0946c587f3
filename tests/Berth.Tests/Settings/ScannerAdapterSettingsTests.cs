using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class ScannerAdapterSettingsTests : IDisposable
{
    private const string Good =
        "enabled: true, authorization: Bearer x, registries: ['https://harbor.example.com', 'http://10.0.0.1:8080']";

    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_scans_for_nobody_unless_it_is_told_to()
    {
        Assert.False(new RegistrySettings().ScannerAdapter.Enabled);
        Assert.Equal("", SettingsFolder.Print(Load(
            $"{{{Good}, timeout: 1h, imagebytes: 1GiB, concurrent: 4, queue: 10, keep: 2h, reportbytes: 1MiB, "
            + "layercachebytes: 0}")));
        Assert.Equal("", SettingsFolder.Print(Load("{registries: [nonsense]}")));
    }

    [Theory]
    [InlineData("{enabled: true, registries: ['https://a']}", "authorization", "set the header")]
    [InlineData(
        "{enabled: true, authorization: secret, registries: ['https://a']}", "authorization", "must be a header")]
    [InlineData("{" + Good + ", authorizationfile: /nowhere}", "authorizationfile", "not both")]
    [InlineData("{enabled: true, authorization: Bearer x}", "registries", "name the registries")]
    [InlineData("{enabled: true, authorization: Bearer x, registries: [harbor]}", "registries.0", "must be a URL")]
    [InlineData(
        "{enabled: true, authorization: Bearer x, registries: ['https://a/b']}", "registries.0", "must be a URL")]
    [InlineData(
        "{enabled: true, authorization: Bearer x, registries: ['https://me:secret@a']}", "registries.0",
        "must be a URL")]
    [InlineData("{" + Good + ", keep: 1s}", "keep", "must be from 1m")]
    public void What_cannot_work_is_said(string yaml, string key, string message)
    {
        var fault = Load(yaml).Faults.First(one => one.Severity == Severity.Error
            && one.Key == "scanneradapter." + key);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_data_it_says_that_only_bills_of_materials_are_made()
    {
        var fault = Assert.Single(_folder.Load($"scanneradapter: {{{Good}}}").Faults);
        Assert.Equal(("vulnerabilities.sources", Severity.Notice), (fault.Key, fault.Severity));
    }

    private SettingsResult Load(string yaml) =>
        _folder.Load("vulnerabilities: {sources: [osv]}\nscanneradapter: " + yaml);
}
