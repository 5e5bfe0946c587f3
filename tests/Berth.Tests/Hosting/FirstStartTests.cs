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

    private async Task<(string Error, string Log)> ServeAsync(Func<Uri, string, Task> use)
    {
        using var berth = new ServeProcess(
            folder, "127.0.0.1:0", "data", ("REGISTRY_AUTH_LOCAL_ENABLED", "true"));
        var log = new StringBuilder();
        Match address;
        do
        {
            var line = await berth.ReadLineAsync();
            log.AppendLine(line);
            address = Address().Match(line);
        }
        while (!address.Success);

        // The password comes after the address, and ends with an empty line.
        var error = new StringBuilder();
        if (log.ToString().Contains("was made", StringComparison.Ordinal))
        {
            while (!error.ToString().EndsWith("admin\n\n", StringComparison.Ordinal))
                error.Append(await berth.Error.ReadLineAsync(Stop)).Append('\n');
        }

        await use(new Uri(address.Groups[1].Value), error.ToString());
        berth.Terminate();
        Assert.Equal(0, await berth.WaitForExitAsync());
        error.Append(await berth.Error.ReadToEndAsync(Stop));
        log.Append(await berth.Output.ReadToEndAsync(Stop));
        return (error.ToString(), log.ToString());
    }

    private static async Task<HttpStatusCode> AskAsync(Uri address, string? login)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, "/v2/"));
        if (login is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
        }

        using var answer = await client.SendAsync(request, Stop);
        return answer.StatusCode;
    }

    [GeneratedRegex(@"and the password (\S+)")]
    private static partial Regex Password();

    [GeneratedRegex(@"listens on (\S+),")]
    private static partial Regex Address();
}
