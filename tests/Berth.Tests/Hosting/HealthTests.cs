using System.Net;
using Berth.Hosting;
using Berth.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Hosting;

[Inside]
public sealed class HealthTests
{
    private const string Ok = """{"status":"ok"}""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("healthz")]
    [InlineData("readyz")]
    [InlineData("readyz?for=pull")]
    [InlineData("readyz?for=push")]
    public async Task A_registry_in_good_health_says_so(string path)
    {
        await using var registry = await RegistryFixture.StartAsync();
        Assert.Equal(Ok, await registry.Client.GetStringAsync(path, Stop));
        using var head = await registry.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path), Stop);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        using var post = await registry.Client.PostAsync(path, null, Stop);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("healthz")]
    [InlineData("readyz")]
    public async Task HAProxys_usual_question_is_answered(string path)
    {
        await using var registry = await RegistryFixture.StartAsync();
        using var connection = await RawConnection.OpenAsync(registry.Client.BaseAddress!);
        await connection.SendAsync($"OPTIONS /{path} HTTP/1.0\r\n\r\n");
        Assert.InRange((await connection.ReadAnswerAsync()).Status, 200, 299);
        using var options = await registry.Client.SendAsync(new HttpRequestMessage(HttpMethod.Options, path), Stop);
        Assert.Equal(["GET", "HEAD", "OPTIONS"], options.Content.Headers.Allow.Order());
    }

    [Fact]
    public async Task It_is_not_ready_while_the_folder_is_gone_and_ready_again_after()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        Directory.Move(registry.DataFolder, registry.DataFolder + "-away");
        await AssertUnavailableAsync(registry, "the data folder is gone");
        Directory.Move(registry.DataFolder + "-away", registry.DataFolder);
        // The watch may have closed the gate in the meantime, and opens it at its next check.
        var last = "";
        await Eventually.TrueAsync(async () =>
        {
            var answer = await AskReadyAsync(registry);
            if (answer != last) TestContext.Current.TestOutputHelper?.WriteLine(last = answer);
            return answer == Ok;
        });
        Assert.False(File.Exists(Path.Combine(registry.DataFolder, "berth.probe")));
    }

    [Fact]
    public async Task The_disk_is_checked_once_a_second_however_often_somebody_asks()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var clock = new StillClock();
        var readiness = ActivatorUtilities.CreateInstance<Readiness>(registry.Services, (TimeProvider)clock);
        Assert.Null(await readiness.FindProblemAsync(forPulls: false));
        Directory.Move(registry.DataFolder, registry.DataFolder + "-away");
        clock.Seconds = 0.9;
        Assert.Null(await readiness.FindProblemAsync(forPulls: false));
        clock.Seconds = 1;
        Assert.NotNull(await readiness.FindProblemAsync(forPulls: false));
        Directory.Move(registry.DataFolder + "-away", registry.DataFolder);
    }

    [Fact]
    public async Task It_lives_but_is_not_ready_when_the_database_does_not_answer()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.RunAsync("ALTER TABLE repository RENAME TO elsewhere"), isDurable: false, Stop);
        await AssertUnavailableAsync(registry, "the database does not answer");
        Assert.Equal(Ok, await registry.Client.GetStringAsync("healthz", Stop));
    }

    private static async Task<string> AskReadyAsync(RegistryFixture registry)
    {
        using var answer = await registry.Client.GetAsync("readyz", Stop);
        return await answer.Content.ReadAsStringAsync(Stop);
    }

    private static async Task AssertUnavailableAsync(RegistryFixture registry, string reason)
    {
        using var answer = await registry.Client.GetAsync("readyz", Stop);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.StartsWith(
            $$"""{"status":"unavailable","reason":"{{reason}}: """,
            (await answer.Content.ReadAsStringAsync(Stop)).Replace("\\u0027", "'", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    private sealed class StillClock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }
}
