using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Berth.Cli;

namespace Berth.Tests.Hosting;

/// <summary>The program as users start it: `dotnet berth.dll serve`.</summary>
public sealed partial class StartTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-start-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_line_names_the_real_port_and_the_data_folder()
    {
        using var berth = Start("127.0.0.1:0", "data");
        var line = await ReadLineAsync(berth);
        Assert.Matches(@"info Berth \d+\.\d+\.\d+ listens on http://127\.0\.0\.1:[1-9]\d*, data in " + folder + "/data$", line);
        Assert.Equal(0, await TerminateAsync(berth));
    }

    [Fact]
    public async Task A_port_that_is_in_use_is_told_in_one_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        await AssertRefusesAsync($"127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}", "data", "another program listens on");
    }

    [Fact]
    public async Task A_second_Berth_on_the_same_folder_is_told_in_one_line()
    {
        using var first = Start("127.0.0.1:0", "data");
        await ReadLineAsync(first);
        await AssertRefusesAsync("127.0.0.1:0", "data", "another Berth uses the data folder");
        Assert.Equal(0, await TerminateAsync(first));
    }

    [Theory]
    [InlineData("/sys/berth")]
    [InlineData("/dev/null/berth")]
    public Task A_folder_that_cannot_be_written_is_told_in_one_line(string path) =>
        AssertRefusesAsync("127.0.0.1:0", path, $"the data folder {path}");

    [Fact]
    public async Task A_database_that_is_none_is_told_in_one_line()
    {
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        await File.WriteAllTextAsync(Path.Combine(folder, "data", "berth.db"), new string('x', 5000), Stop);
        await AssertRefusesAsync("127.0.0.1:0", "data", "is not a database");
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_read_is_told_in_one_line()
    {
        var file = Path.Combine(folder, "cert.pem");
        await File.WriteAllTextAsync(file, "no certificate", Stop);
        await AssertRefusesAsync(
            "127.0.0.1:0", "data", $"http.tls: {file} can't be used",
            ("REGISTRY_HTTP_TLS_CERTIFICATE", file), ("REGISTRY_HTTP_TLS_KEY", file));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int processId, int signal);

    private async Task AssertRefusesAsync(
        string addr, string data, string reason, params (string Name, string Value)[] settings)
    {
        using var berth = Start(addr, data, settings);
        var output = berth.StandardOutput.ReadToEndAsync();
        var error = await berth.StandardError.ReadToEndAsync();
        await berth.WaitForExitAsync();
        Assert.Equal("", await output);
        Assert.Equal(1, berth.ExitCode);
        Assert.StartsWith("berth: ", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    private static async Task<string> ReadLineAsync(Process berth) =>
        await berth.StandardOutput.ReadLineAsync() ?? await berth.StandardError.ReadToEndAsync();

    private static async Task<int> TerminateAsync(Process berth)
    {
        Assert.Equal(0, Signal(berth.Id, 15));
        await berth.WaitForExitAsync();
        return berth.ExitCode;
    }

    private Process Start(string addr, string data, params (string Name, string Value)[] settings)
    {
        var program = typeof(ServeCommand).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [program, "serve"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["REGISTRY_HTTP_ADDR"] = addr;
        start.Environment["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data;
        foreach (var (name, value) in settings) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
