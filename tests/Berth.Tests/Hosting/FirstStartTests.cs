using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace Berth.Tests.Hosting;

/// <summary>The first start of a registry with users in the database.</summary>
[Once]
public sealed partial class FirstStartTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-start-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task The_administrators_password_is_shown_once_and_is_in_no_log()
    {
        var (error, log) = await ServeAsync(async (address, error) =>
        {
            var password = Password().Match(error).Groups[1].Value;
            Assert.Equal(20, password.Length);
            Assert.Equal(HttpStatusCode.OK, await AskAsync(address, $"admin:{password}"));
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(address, $"admin:{password}x"));
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(address, null));
        });
        Assert.Contains("berth user password admin", error, StringComparison.Ordinal);
        Assert.DoesNotContain(Password().Match(error).Groups[1].Value, log, StringComparison.Ordinal);
        Assert.Contains("The administrator admin was made", log, StringComparison.Ordinal);
        (error, log) = await ServeAsync((_, _) => Task.CompletedTask);
        Assert.Equal("", error);
        Assert.DoesNotContain("was made", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_others_can_connect_users_must_sign_in_though_no_setting_says_so()
    {
        var (error, _) = await ServeAsync(
            async (address, error) =>
            {
                var password = Password().Match(error).Groups[1].Value;
                var here = new UriBuilder(address) { Host = "127.0.0.1" }.Uri;
                Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(here, null));
                Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(here, null, "/v2/_catalog"));
                Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(here, null, "/v2/team/app/manifests/1"));
                Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(here, "admin:guess"));
                Assert.Equal(HttpStatusCode.OK, await AskAsync(here, $"admin:{password}"));
            },
            "0.0.0.0:0");
        Assert.Contains("and the password ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_administrators_password_may_be_in_a_file_which_only_the_first_start_reads()
    {
        var file = Path.Combine(folder, "password");
        await File.WriteAllTextAsync(file, "of green gables\n", Stop);
        var setting = ("REGISTRY_AUTH_LOCAL_ADMINPASSWORDFILE", file);
        var (error, log) = await ServeAsync(UseAsync, "127.0.0.1:0", setting);
        Assert.Equal("", error);
        Assert.DoesNotContain("green", log, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, "something else\n", Stop);
        await ServeAsync(UseAsync, "127.0.0.1:0", setting);

        static async Task UseAsync(Uri address, string error)
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(address, "admin:of green gables"));
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(address, "admin:something else"));
        }
    }

    [Theory]
    [InlineData("short", "a password has at least 8 characters")]
    [InlineData("with\u0007bell", "a password has no control characters")]
    public async Task A_password_of_the_settings_that_can_not_be_used_is_reported(string password, string reason)
    {
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_AUTH_LOCAL_ENABLED", "true"),
            ("REGISTRY_AUTH_LOCAL_ADMINPASSWORD", password));
        Assert.Equal(1, await berth.WaitForExitAsync());
        Assert.Contains($"auth.local.adminpassword: {reason}", await berth.Error.ReadToEndAsync(Stop));
    }

    /// <param name="use">Is given the address, and what was written to standard error.</param>
    /// <param name="addr">Where it listens; on loopback, with users in the database.</param>
    /// <param name="settings">More settings.</param>
    private async Task<(string Error, string Log)> ServeAsync(
        Func<Uri, string, Task> use, string addr = "127.0.0.1:0", params (string Name, string Value)[] settings)
    {
        if (addr.StartsWith("127.", StringComparison.Ordinal))
            settings = [.. settings, ("REGISTRY_AUTH_LOCAL_ENABLED", "true")];
        using var berth = new ServeProcess(folder, addr, "data", settings);
        var (address, log) = await berth.ReadStartAsync();
        var isMadeUp = !settings.Any(setting => setting.Name.Contains("PASSWORD", StringComparison.Ordinal));
        var error = isMadeUp && log.Contains("was made", StringComparison.Ordinal)
            ? await berth.ReadAdministratorAsync()
            : "";
        await use(address, error);
        berth.Terminate();
        Assert.Equal(0, await berth.WaitForExitAsync());
        return (
            error + await berth.Error.ReadToEndAsync(Stop), log + await berth.Output.ReadToEndAsync(Stop));
    }

    private static async Task<HttpStatusCode> AskAsync(Uri address, string? login, string path = "/v2/")
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, path));
        if (login is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
        }

        using var answer = await client.SendAsync(request, Stop);
        return answer.StatusCode;
    }

    [GeneratedRegex(@"and the password (\S+)")]
    internal static partial Regex Password();
}
