using Berth.Settings;
using Berth.Tests.Clients;
using YamlDotNet.RepresentationModel;

namespace Berth.Tests.Deploy;

/// <summary>The compose file and what it mounts, checked by Compose, Caddy and Berth's reader of settings.</summary>
public sealed class ComposeTests : IDisposable
{
    private static readonly string[] Nodes = ["berth-1", "berth-2", "berth-3"];

    private readonly string root = Directory.CreateTempSubdirectory("berth-compose-").FullName;

    private static Dictionary<string, string> DotEnv => File.ReadAllLines(DeployTools.PathOf("compose/env.example"))
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => line.Split('=', 2))
        .ToDictionary(parts => parts[0], parts => parts[1].Length > 0 ? parts[1] : $"value-of-{parts[0]}");

    [Fact]
    public async Task Compose_accepts_the_file_with_the_example_filled_in()
    {
        var run = await ComposeAsync(DotEnv);
        var services = YamlNodes.Parse(run.OutputOfSuccess()).Single().At("services");
        Assert.Equal(
            [.. Nodes, "database", "proxy", "store"],
            Assert.IsType<YamlMappingNode>(services).Children.Keys.Select(k => k.ToString()).Order());
        Assert.DoesNotContain("variable is not set", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compose_names_the_variable_that_is_missing()
    {
        foreach (var missing in DotEnv.Keys.Where(key => key != "BERTH_LISTEN"))
        {
            var run = await ComposeAsync(DotEnv.Where(v => v.Key != missing).ToDictionary());
            Assert.NotEqual(0, run.ExitCode);
            Assert.Contains($"variable {missing} is missing", run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Berth_accepts_the_settings_of_each_node_without_an_error()
    {
        var compose = YamlNodes.Parse((await ComposeAsync(DotEnv)).OutputOfSuccess()).Single();
        foreach (var node in Nodes)
        {
            var service = compose.At($"services.{node}")!;
            var folder = Directory.CreateDirectory(Path.Combine(root, node)).FullName;
            foreach (var mount in service.List("volumes")) Copy(mount, folder);
            var result = SettingsFile.Load($"{folder}/etc/berth/config.yml", service.Map("environment"));
            var errors = string.Join('\n', result.Faults.Where(f => f.Severity == Severity.Error));
            Assert.True(errors.Length == 0, errors);
            Assert.Equal("value-of-BERTH_DATABASE_PASSWORD", result.Settings!.Database.Password);
            Assert.Equal("database", result.Settings.Database.Host);
        }
    }

    [Fact]
    public async Task All_parts_agree_on_names_ports_and_the_bucket()
    {
        var compose = YamlNodes.Parse((await ComposeAsync(DotEnv)).OutputOfSuccess()).Single();
        var settings = YamlNodes.Parse(await File.ReadAllTextAsync(Config, TestContext.Current.CancellationToken))[0];
        var store = await File.ReadAllTextAsync(
            DeployTools.PathOf("compose/garage.toml"), TestContext.Current.CancellationToken);
        Assert.NotNull(compose.At($"services.{settings.Text("database.host")}"));
        Assert.Equal(settings.Text("database.dbname"), compose.Text("services.database.environment.POSTGRES_DB"));
        Assert.Equal(settings.Text("database.user"), compose.Text("services.database.environment.POSTGRES_USER"));
        Assert.Equal(
            settings.Text("storage.s3.bucket"), compose.Text("services.store.environment.GARAGE_DEFAULT_BUCKET"));
        var endpoint = new Uri(settings.Text("storage.s3.regionendpoint")!);
        Assert.NotNull(compose.At($"services.{endpoint.Host}"));
        Assert.Contains($"api_bind_addr = \"[::]:{endpoint.Port}\"", store, StringComparison.Ordinal);
        Assert.Contains($"s3_region = \"{settings.Text("storage.s3.region")}\"", store, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_proxy_knows_all_nodes()
    {
        var caddyfile = DeployTools.PathOf("compose/Caddyfile");
        var run = await DeployTools.RunAsync(
            "caddy", ["validate", "--adapter", "caddyfile", "--config", caddyfile],
            new Dictionary<string, string> { ["XDG_DATA_HOME"] = root, ["XDG_CONFIG_HOME"] = root });
        Assert.Contains("Valid configuration", run.OutputOfSuccess() + run.Error, StringComparison.Ordinal);
        var text = await File.ReadAllTextAsync(caddyfile, TestContext.Current.CancellationToken);
        Assert.Contains("reverse_proxy berth-1:5000 berth-2:5000 berth-3:5000", text, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private static string Config => DeployTools.PathOf("compose/config.yml");

    private async Task<ProgramRun> ComposeAsync(Dictionary<string, string> variables)
    {
        var tools = await ClientTools.ReadyAsync();
        var file = Path.Combine(root, "env");
        await File.WriteAllLinesAsync(file, variables.Select(v => $"{v.Key}={v.Value}"));
        return await DeployTools.RunAsync(
            tools.Compose, ["--env-file", file, "-f", DeployTools.PathOf("compose/compose.yml"), "config"]);
    }

    /// <summary>Puts a mounted file where the container would find it, below a folder.</summary>
    private static void Copy(YamlNode mount, string folder)
    {
        var (source, target) = (mount.Text("source")!, folder + mount.Text("target"));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        // The users are each one's own, and not among the project's files.
        var content = Path.GetFileName(source) == "users" ? "alice:$2y$05$x\n" : File.ReadAllText(source);
        File.WriteAllText(target, content.Replace("/etc/berth/", $"{folder}/etc/berth/"));
    }
}
