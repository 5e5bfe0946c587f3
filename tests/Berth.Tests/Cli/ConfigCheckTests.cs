using Berth.Cli;
using Berth.Settings;
using Berth.Tests.Clients;

namespace Berth.Tests.Cli;

/// <summary><c>berth config check</c>, also as the user that a service will have.</summary>
public sealed class ConfigCheckTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // Others may look into it, unlike into other folders of the tests.
    private readonly string folder = Directory.CreateTempSubdirectory("berth-check-").FullName;
    private readonly CertificateFolder certificates = new();

    public ConfigCheckTests()
    {
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        Write("users", "alice:$2y$05$abcdefghijklmnopqrstuu5Lz8eWjQq0xkYvD6y4v1l0eJq7rYb2K\n");
        File.Copy(certificates.Certificate, Path.Combine(folder, "cert.pem"));
        File.Copy(certificates.Key, Path.Combine(folder, "key.pem"));
        Write("config.yml", $"""
            http:
              addr: :5000
              tls:
                certificate: {folder}/cert.pem
                key: {folder}/key.pem
            auth:
              htpasswd:
                path: {folder}/users
            storage:
              filesystem:
                rootdirectory: {folder}/data
            """);
        foreach (var name in (string[])["users", "cert.pem", "key.pem", "config.yml"])
            File.SetUnixFileMode(Path.Combine(folder, name), (UnixFileMode)0b110_100_100);
    }

    [Fact]
    public async Task Valid_settings_are_confirmed_with_the_data_folder()
    {
        var run = await CheckAsync();
        Assert.Equal(0, run.ExitCode);
        Assert.Equal($"The settings are fine: :5000, data in {folder}/data\n", run.Output);
    }

    [Theory]
    [InlineData("65534")]
    [InlineData("65534:65534")]
    [InlineData("nobody")]
    public async Task A_file_that_the_services_user_may_not_read_is_named(string user)
    {
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        File.SetUnixFileMode(Path.Combine(folder, "data"), (UnixFileMode)0b111_111_111);
        Assert.Equal(0, (await CheckAsync("--as", user)).ExitCode);
        File.SetUnixFileMode(Path.Combine(folder, "key.pem"), (UnixFileMode)0b110_000_000);
        var run = await CheckAsync("--as", user);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("config.yml:5: error: http.tls.key: ", run.Error, StringComparison.Ordinal);
        Assert.Contains($"may not read '{folder}/key.pem'", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("cert.pem", run.Error, StringComparison.Ordinal);
        Assert.Contains("LoadCredential=", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_folder_that_the_services_user_may_not_write_is_named() => Assert.Contains(
        $"65534 may not write to the data folder {folder}/data",
        (await CheckAsync("--as", "65534")).Error, StringComparison.Ordinal);

    [Fact]
    public async Task A_user_that_does_not_exist_is_reported() => Assert.Contains(
        "there is no user nosuchuser", (await CheckAsync("--as", "nosuchuser")).Error, StringComparison.Ordinal);

    [Fact]
    public void A_certificate_with_the_key_of_another_is_a_fault()
    {
        using var others = new CertificateFolder();
        var foreign = Fault(certificates.Certificate, others.Key);
        Assert.Equal("http.tls.key", foreign.Key);
        Assert.Contains("is not the key of", foreign.Message, StringComparison.Ordinal);
        Assert.Contains("an RSA or ECDSA key", foreign.Message, StringComparison.Ordinal);
        Assert.Equal("http.tls.key", Fault(certificates.Certificate, certificates.Certificate).Key);
        Assert.Equal("http.tls.certificate", Fault(certificates.Key, certificates.Key).Key);
        Assert.Equal("http.tls.certificate", Fault(Path.Combine(folder, "users"), certificates.Key).Key);
        Assert.Equal("http.tls.key", Fault(certificates.Certificate, folder).Key);
    }

    [Fact]
    public void A_file_of_client_authorities_without_a_certificate_is_a_fault() => Assert.Equal(
        "http.tls.clientcas.0", Fault(certificates.Certificate, certificates.Key, Path.Combine(folder, "users")).Key);

    public void Dispose()
    {
        Directory.Delete(folder, recursive: true);
        certificates.Dispose();
    }

    private static SettingsFault Fault(string certificate, string key, string? clientCa = null)
    {
        var variables = new Dictionary<string, string>
        {
            ["REGISTRY_HTTP_TLS_CERTIFICATE"] = certificate,
            ["REGISTRY_HTTP_TLS_KEY"] = key,
        };
        if (clientCa is not null) variables["REGISTRY_HTTP_TLS_CLIENTCAS"] = clientCa;
        return Assert.Single(SettingsFile.Load(null, variables).Faults);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(folder, name), text);

    /// <summary>The program is copied into the folder too, so that the user can load all of it.</summary>
    private async Task<ProgramRun> CheckAsync(params string[] options)
    {
        var program = Directory.CreateDirectory(Path.Combine(folder, "program")).FullName;
        var built = Path.GetDirectoryName(typeof(ConfigCommand).Assembly.Location)!;
        foreach (var file in Directory.GetFiles(built).Where(f => Path.GetExtension(f) is ".dll" or ".json"))
            File.Copy(file, Path.Combine(program, Path.GetFileName(file)), overwrite: true);
        return await ProgramRun.StartAsync(
            "dotnet",
            [
                Path.Combine(program, "berth.dll"), "config", "check",
                "--config", Path.Combine(folder, "config.yml"), .. options,
            ],
            new Dictionary<string, string>(), "/", Limit);
    }
}
