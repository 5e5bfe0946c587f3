using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using Berth.Tests.Cli;
using Berth.Tests.Clients;
using Berth.Tests.Settings;

namespace Berth.Tests.Hosting;

/// <summary>
/// The settings of docs/getting-started.md, checked and served with the commands of the page, and asked with curl.
/// DocumentedClientTests has the commands of other programs, DocumentedProxyTests the proxies.
/// </summary>
[Once]
public sealed class GettingStartedDocumentTests : IDisposable
{
    private const string File = "/etc/berth/config.yml";

    private static readonly SourceFile Page = SourceTree.Files.Single(f => f.Path == "docs/getting-started.md");

    private readonly PageSettings page = new("getting-started");
    private readonly string data = Directory.CreateTempSubdirectory("berth-started-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        page.Dispose();
        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Users_in_the_database_begin_with_the_administrator_whose_password_is_printed()
    {
        Assert.Equal(4, page.Examples.Count(example => !example.Contains("routers:", StringComparison.Ordinal)));
        await ServeAsync(page.With("local:"), async (address, printed, file) =>
        {
            var admin = $"admin:{FirstStartTests.Password().Match(printed).Groups[1].Value}";
            Assert.Equal("401", await CurlAsync($"{address}v2/"));
            Assert.Equal("200", await CurlAsync($"{address}v2/", "-u", admin));
            Assert.Equal("401", await CurlAsync($"{address}v2/", "-u", admin + "x"));

            const string Command = $"berth user add alice --config {File}";
            Assert.Contains(Command, string.Join('\n', Page.Lines), StringComparison.Ordinal);
            var alice = "alice:" + (await RunAsync(Command.Replace(File, file))).Trim().Split(' ')[^1];
            Assert.Equal("202", await PostAsync(address, "alice/app", "-u", alice));
            Assert.Equal("403", await PostAsync(address, "bob/app", "-u", alice));
            Assert.Equal("202", await PostAsync(address, "bob/app", "-u", admin));

            Assert.Contains($"To set another: berth user password admin --config {file}\n", printed);
            var another = Assert.Single(
                Page.BlocksOf("sh"), block => block.Contains("berth user password", StringComparison.Ordinal))
                .Replace("/var/lib/berth", data).Replace(File, file);
            admin = "admin:" + (await RunAsync(another)).Trim().Split(' ')[^1];
            await Eventually.TrueAsync(async () => await CurlAsync($"{address}v2/", "-u", admin) == "200");
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Users_of_a_file_may_do_everything_and_others_pull_if_the_settings_let_them(bool mayPull)
    {
        var users = page.Write("users", $"alice:{BCrypt.Net.BCrypt.HashPassword("a password", workFactor: 4)}\n");
        var example = page.With("htpasswd:").Replace("/etc/berth/users", users);
        if (mayPull)
        {
            Assert.Contains("With `anonymous: pull` in addition", string.Join('\n', Page.Lines));
            example = example.Replace("auth:\n", "auth:\n  anonymous: pull\n");
        }

        await ServeAsync(example, async (address, _, _) =>
        {
            Assert.Equal("202", await PostAsync(address, "any/app", "-u", "alice:a password"));
            Assert.Equal("401", await PostAsync(address, "any/app", "-u", "alice:another"));
            Assert.Equal("401", await PostAsync(address, "any/app"));
            Assert.Equal(mayPull ? "404" : "401", await CurlAsync($"{address}v2/any/app/manifests/1"));
        });
    }

    [Fact]
    public Task Without_passwords_everybody_may_push() => ServeAsync(
        page.With("anonymous: full"),
        async (address, _, _) => Assert.Equal("202", await PostAsync(address, "any/app")));

    [Fact]
    public async Task With_a_certificate_and_its_key_clients_that_know_its_issuer_connect_over_TLS()
    {
        using var issued = AccountCommandTests.IssueToLoopback();
        var certificate = page.Write("fullchain.pem", issued.ExportCertificatePem());
        var key = page.Write("privkey.pem", issued.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var example = page.With("fullchain.pem")
            .Replace("/etc/berth/tls/fullchain.pem", certificate).Replace("/etc/berth/tls/privkey.pem", key);
        await ServeAsync(example, async (address, printed, _) =>
        {
            Assert.Equal("https", address.Scheme);
            var admin = $"admin:{FirstStartTests.Password().Match(printed).Groups[1].Value}";
            Assert.Equal("200", await CurlAsync($"{address}v2/", "--cacert", certificate, "-u", admin));
            Assert.Equal("401", await CurlAsync($"{address}v2/", "--cacert", certificate));
            await Assert.ThrowsAsync<InvalidOperationException>(() => CurlAsync($"{address}v2/", "-u", admin));
        });
    }

    [Fact]
    public async Task A_backup_beside_the_server_is_restored_into_an_empty_folder_which_serves_again()
    {
        var backups = Path.Combine(data, "backups");
        var root = Path.Combine(data, "registry");
        string Command(string words) => Assert.Single(
            Page.BlocksOf("sh"), block => block.Contains(words, StringComparison.Ordinal))
            .Replace("/var/backups/berth", backups);
        var example = page.With("anonymous: full") + $"\nstorage:\n  filesystem:\n    rootdirectory: {root}";
        await ServeAsync(example, async (address, _, file) =>
        {
            Assert.Equal("202", await PostAsync(address, "team/app"));
            foreach (var line in Command("berth backup ").Replace(File, file).Split('\n')) await RunAsync(line);
        });
        Directory.Delete(root, recursive: true);
        foreach (var line in Command("berth restore").Replace(File, page.Write("config.yml", example)).Split('\n'))
            await RunAsync(line);
        await ServeAsync(example, async (address, _, _) => Assert.Equal("200", await CurlAsync($"{address}v2/")));
    }

    /// <summary>Checks the settings and serves with them, both by the commands of the page.</summary>
    /// <param name="example">Settings.</param>
    /// <param name="use">Is given the address, what was printed of the administrator, and the file of settings.</param>
    private async Task ServeAsync(string example, Func<Uri, string, string, Task> use)
    {
        example = example.Replace("/var/lib/berth", data).Replace("addr: :5000", "addr: :0")
            .Replace("addr: :443", "addr: :0");
        if (!example.Contains("addr:", StringComparison.Ordinal)) example += "\nhttp:\n  addr: :0";
        if (!example.Contains(data, StringComparison.Ordinal))
            example += $"\nstorage:\n  filesystem:\n    rootdirectory: {data}";
        var file = page.Write("config.yml", example + "\n");
        var commands = Assert.Single(
            Page.BlocksOf("sh"), block => block.Contains("berth serve --config", StringComparison.Ordinal))
            .Replace(File, file).Split('\n');
        Assert.Contains("The settings are fine: :0, data in " + data, await RunAsync(commands[1]));

        using var berth = new ServeProcess(Shell(commands[0]));
        var (address, log) = await berth.ReadStartAsync();
        var printed = log.Contains("was made", StringComparison.Ordinal) ? await berth.ReadAdministratorAsync() : "";
        await use(new UriBuilder(address) { Host = "127.0.0.1" }.Uri, printed, file);
        berth.Terminate();
        Assert.Equal(0, await berth.WaitForExitAsync());
    }

    private static Task<string> PostAsync(Uri address, string repository, params string[] options) =>
        CurlAsync($"{address}v2/{repository}/blobs/uploads/", ["-X", "POST", .. options]);

    /// <summary>The status of an answer.</summary>
    private static async Task<string> CurlAsync(string url, params string[] options)
    {
        var run = await ProgramRun.StartAsync(
            "curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", .. options, url],
            new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1));
        return run.OutputOfSuccess().Trim();
    }

    private static async Task<string> RunAsync(string command)
    {
        using var process = Process.Start(Shell(command))!;
        var output = process.StandardOutput.ReadToEndAsync(Stop);
        var errors = await process.StandardError.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        Assert.True(process.ExitCode == 0, $"{await output}{errors}\nfrom:\n{command}");
        return await output;
    }

    /// <summary>A shell that becomes the command of Berth that it is told.</summary>
    private static ProcessStartInfo Shell(string command)
    {
        var script = $$"""
            berth() { exec {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            {{command}}
            """;
        return new ProcessStartInfo("bash", ["-ec", script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
