using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Berth.Hosting;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Hosting;

/// <summary>The program as users start it: <c>berth serve</c>.</summary>
[Once]
public sealed class StartTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-start-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_line_names_the_real_port_and_the_data_folder()
    {
        using var berth = new ServeProcess(folder, "127.0.0.1:0", "data");
        var line = await berth.ReadLineAsync();
        Assert.Matches(
            @" info Berth \d+\.\d+\.\d+ listens on http://127\.0\.0\.1:[1-9]\d*, data in " + folder + "/data$", line);
        berth.Terminate();
        Assert.Equal(0, await berth.WaitForExitAsync());
    }

    [Fact]
    public async Task A_port_that_is_in_use_is_reported_in_one_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var addr = other.LocalEndpoint.ToString()!;
        await AssertRefusesAsync(addr, "data", $"another program listens on {addr}");
    }

    [Fact]
    public async Task A_second_Berth_on_the_same_folder_is_reported_in_one_line()
    {
        using var first = new ServeProcess(folder, "127.0.0.1:0", "data");
        await first.ReadLineAsync();
        await AssertRefusesAsync("127.0.0.1:0", "data", "another Berth uses the data folder");
        first.Terminate();
        Assert.Equal(0, await first.WaitForExitAsync());
    }

    [Theory]
    [InlineData("/sys/berth")]
    [InlineData("/dev/null/berth")]
    public Task A_folder_that_cannot_be_written_is_reported_in_one_line(string path) =>
        AssertRefusesAsync("127.0.0.1:0", path, $"the data folder {path}");

    [Fact]
    public async Task An_invalid_database_is_reported_in_one_line()
    {
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        await File.WriteAllTextAsync(Path.Combine(folder, "data", "berth.db"), new string('x', 5000), Stop);
        await AssertRefusesAsync("127.0.0.1:0", "data", "is not a database");
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_read_is_reported_in_one_line()
    {
        var file = Path.Combine(folder, "cert.pem");
        await File.WriteAllTextAsync(file, "no certificate", Stop);
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_HTTP_TLS_CERTIFICATE", file), ("REGISTRY_HTTP_TLS_KEY", file));
        var error = await berth.Error.ReadToEndAsync(Stop);
        Assert.Equal(1, await berth.WaitForExitAsync());
        Assert.StartsWith(
            $"REGISTRY_HTTP_TLS_CERTIFICATE: error: http.tls.certificate: '{file}' holds no certificate",
            Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_of_registry2_is_reported_in_one_line_with_what_to_do()
    {
        Directory.CreateDirectory(Path.Combine(folder, "data", "docker", "registry", "v2"));
        await AssertRefusesAsync("127.0.0.1:0", "data", "holds the data of a registry:2");
    }

    [Fact]
    public async Task A_start_that_fails_lets_go_of_the_data_folder()
    {
        var settings = new RegistrySettings
        {
            Storage = new StorageSettings
            {
                Filesystem = new FilesystemSettings { RootDirectory = Path.Combine(folder, "data") },
            },
        };
        var nobody = new AuthSettings { Htpasswd = new HtpasswdSettings { Path = Path.Combine(folder, "missing") } };
        var failure = await Assert.ThrowsAsync<StartException>(
            () => RegistryHost.BuildAsync(settings with { Auth = nobody }, Stream.Null));
        Assert.Contains("the users file", failure.Message, StringComparison.Ordinal);
        await using var registry = await RegistryHost.BuildAsync(settings, Stream.Null);
    }

    [Fact]
    public async Task The_code_of_pulls_is_loaded_before_the_first_one_also_where_there_are_users()
    {
        var (users, debug) = (Path.Combine(folder, "users"), $"127.0.0.1:{LoopbackPorts.Free()}");
        await File.WriteAllTextAsync(users, $"ann:{BCrypt.Net.BCrypt.HashPassword("x", workFactor: 4)}\n", Stop);
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_AUTH_HTPASSWD_PATH", users), ("REGISTRY_HTTP_DEBUG_ADDR", debug),
            ("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true"));
        await berth.ReadAddressAsync();
        using var http = new HttpClient();
        await Eventually.TrueAsync(async () => Regex.IsMatch(
            await http.GetStringAsync($"http://{debug}/metrics", Stop),
            @"berth_cache_lookups_total\{[^}]*""miss""[^}]*\} [1-9]"));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private async Task AssertRefusesAsync(
        string addr, string data, string reason, params (string Name, string Value)[] settings)
    {
        using var berth = new ServeProcess(folder, addr, data, settings);
        var output = berth.Output.ReadToEndAsync();
        var error = await berth.Error.ReadToEndAsync();
        Assert.Equal("", await output);
        Assert.Equal(1, await berth.WaitForExitAsync());
        Assert.StartsWith("berth: ", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_new_data_folder_is_private()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(registry.DataFolder) & others);
    }
}
