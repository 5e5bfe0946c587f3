using Berth.Settings;

namespace Berth.Tests.Settings;

public sealed class SbomSettingsTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_attached_may_be_chosen()
    {
        Assert.False(new RegistrySettings().Sbom.IsOn);
        Assert.Equal("", SettingsFolder.Print(_folder.Load("sbom: {attach: spdx-json, repositories: ['acme/**']}")));
        Assert.Equal("", SettingsFolder.Print(_folder.Load("sbom: {attach: none}\ncontents: {index: never}")));
    }

    [Theory]
    [InlineData("sbom: {attach: spdx}", "attach", "must be one of none, spdx-json, cyclonedx-json, not 'spdx'")]
    [InlineData("sbom: {repositories: ['Acme']}", "repositories", "'Acme' is no pattern")]
    [InlineData("sbom: {attach: spdx-json}\ncontents: {index: never}", "attach", "set contents.index to always")]
    public void What_cannot_work_is_said(string yaml, string key, string message)
    {
        var fault = Assert.Single(_folder.Load(yaml).Faults);
        Assert.Equal(($"sbom.{key}", Severity.Error), (fault.Key, fault.Severity));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }
}
