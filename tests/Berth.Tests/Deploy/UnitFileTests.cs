using Berth.Settings;

namespace Berth.Tests.Deploy;

/// <summary>The systemd unit and the settings inside the image.</summary>
public sealed class UnitFileTests
{
    [Fact]
    public async Task Systemd_accepts_the_unit()
    {
        var folder = Directory.CreateTempSubdirectory("berth-unit-").FullName;
        try
        {
            var unit = await File.ReadAllTextAsync(
                DeployTools.PathOf("berth.service"), TestContext.Current.CancellationToken);
            var copy = Path.Combine(folder, "berth.service");
            await File.WriteAllTextAsync(
                copy, unit.Replace("/usr/local/bin/berth", "/bin/true"), TestContext.Current.CancellationToken);
            var run = await DeployTools.RunAsync("systemd-analyze", ["verify", "--man=no", copy]);
            Assert.Equal("", run.OutputOfSuccess() + run.Error);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_image_has_users_in_the_database_unless_it_is_told_otherwise()
    {
        var path = DeployTools.PathOf("config.yml");
        var alone = SettingsFile.Load(path, new Dictionary<string, string>());
        Assert.True(alone.Settings!.Auth is { Local.Enabled: true, AnonymousOrDefault: AnonymousAccess.Public });
        var told = SettingsFile.Load(
            path, new Dictionary<string, string> { ["REGISTRY_AUTH_ANONYMOUS"] = "full" });
        Assert.DoesNotContain(told.Faults, f => f.Severity == Severity.Error);
        Assert.Equal("/var/lib/berth", told.Settings!.Storage.Filesystem.RootDirectory);
    }
}
