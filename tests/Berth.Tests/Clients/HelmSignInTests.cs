using Berth.Tests.Deploy;

namespace Berth.Tests.Clients;

/// <summary>Helm, which keeps charts in a registry, with each kind of login.</summary>
public sealed class HelmSignInTests(SignInFixture fixture) : IClassFixture<SignInFixture>
{
    private readonly ClientFixture client = fixture.Client;
    private readonly SignInRegistries registries = fixture.Registries;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Helm_logs_in_and_pulls_and_pushes_charts_where_its_login_lets_it()
    {
        var chart = await PackAsync();
        var owner = registries.LocalCases.First();
        foreach (var name in new[] { "seed", "open" })
            (await PushAsync(owner, chart, $"oci://{owner.Address}/{name}")).OutputOfSuccess();
        foreach (var one in registries.LocalCases)
        {
            var place = Directory.CreateDirectory(client.NewPath("charts")).FullName;
            var pull = await HelmAsync(
                one, "pull", "--plain-http", "--destination", place, $"oci://{one.Address}/{one.Repository}",
                "--version", "1.0.0");
            one.CheckPullUnasked(pull);
            Assert.Equal(pull.ExitCode == 0, File.Exists(Path.Combine(place, "app-1.0.0.tgz")));
            one.CheckPush(await PushAsync(one, chart, "oci://" + one.Pushed[..^2]));
            if (one.Login?.Split(':') is not [var user, var password]) continue;
            one.CheckLogin(await HelmAsync(
                one with { ConfigFolder = client.NewPath("helm") }, "registry", "login", "--plain-http",
                "--username", user, "--password", password, one.Address));
        }
    }

    /// <summary>A chart of nothing.</summary>
    private async Task<string> PackAsync()
    {
        var folder = Directory.CreateDirectory(client.NewPath("chart")).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(folder, "Chart.yaml"), "apiVersion: v2\nname: app\nversion: 1.0.0\n", Stop);
        (await HelmAsync(registries.Cases[0], "package", "--destination", folder, folder)).OutputOfSuccess();
        return Path.Combine(folder, "app-1.0.0.tgz");
    }

    private Task<ProgramRun> PushAsync(SignInCase one, string chart, string place) =>
        HelmAsync(one, "push", "--plain-http", chart, place);

    private Task<ProgramRun> HelmAsync(SignInCase one, params IEnumerable<string> arguments) => DeployTools.RunAsync(
        DeployTools.Helm, [.. arguments, "--registry-config", one.ConfigFile], client.Environment);
}
