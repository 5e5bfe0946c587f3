using System.Net.Http.Headers;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Lifecycle;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Api;

/// <summary>How much repositories are used: pulls, pushes and stars, as the API and the commands tell.</summary>
[Inside]
public sealed class RepositoryUseTests : IAsyncLifetime
{
    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(
            settings: s => s with { Http = s.Http with { Debug = CountedReads.Telemetry } }, clock: clock);
        images = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_repository_tells_how_often_it_was_pulled_and_when_it_was_last_pushed()
    {
        await images.ApiAsync("POST", "/repositories", """{"name":"a/app"}""", 201);
        var shown = await ShowAsync();
        Assert.Equal(("0", ""), (shown.Of("pulls"), shown.Of("pushedAt")));
        await images.PushAsync("a/app", "v1", "one");
        clock.Advance(TimeSpan.FromHours(1));
        await images.PushAsync("a/app", "v2", "two");
        var pushedAt = clock.GetUtcNow();
        clock.Advance(TimeSpan.FromHours(1));
        var seen = await SendAsync("GET", "/api/v1/repositories/a/app", 200);
        await PullAsync(3);
        shown = await ShowAsync();
        Assert.Equal("3", shown.Of("pulls"));
        Assert.Equal(
            pushedAt.ToUnixTimeMilliseconds(),
            shown.GetProperty("pushedAt").GetDateTimeOffset().ToUnixTimeMilliseconds());

        // Neither pulls nor stars get in the way of a change.
        await images.ApiAsync("PUT", "/stars/a/app", null, 204);
        await SendAsync("DELETE", "/api/v1/repositories/a/app", 204, seen.Headers.ETag!.ToString());
    }

    /// <summary>As containerd and podman pull, and cosign looks for signatures.</summary>
    [Fact]
    public async Task An_image_for_several_platforms_is_pulled_once_by_each_client()
    {
        var child = await images.PushAsync("a/app", "part", "one");
        var index = await images.PushIndexAsync("a/app", "multi", child);
        await images.IsAsync("DELETE", "/v2/a/app/manifests/part", 202);
        var signature = await images.PushAsync("a/app", index.Replace(':', '-') + ".sig", "signature");
        await images.IsAsync("HEAD", "/v2/a/app/manifests/multi", 200);
        await PullAsync(0);
        Assert.Equal("0", (await ShowAsync()).Of("pulls"));
        Assert.NotEqual("", (await images.ApiAsync("GET", "/tags/multi?repository=a/app", null, 200)).Of("pulledAt"));
        foreach (var reference in new[]
            { index, child, "multi", child, index.Replace(':', '-') + ".sig" })
        {
            await images.TextAsync($"/v2/a/app/manifests/{reference}");
        }

        await PullAsync(0);
        Assert.Equal("2", (await ShowAsync()).Of("pulls"));
    }

    [Fact]
    public async Task Statistics_count_pulls_by_the_day()
    {
        await images.PushAsync("a/app", "v1", "one", "two");
        await images.PushAsync("a/app", "v2", "one");
        await PullAsync(2);
        clock.Advance(TimeSpan.FromDays(2));
        await PullAsync(1);
        var today = clock.GetUtcNow().UtcDateTime;
        var answer = await images.ApiAsync("GET", "/statistics?repository=a/app&days=3", null, 200);
        Assert.Equal(
            [$"{today.AddDays(-2):yyyy-MM-dd} 2", $"{today.AddDays(-1):yyyy-MM-dd} 0", $"{today:yyyy-MM-dd} 1"],
            answer.GetProperty("days").EnumerateArray().Select(day => $"{day.Of("day")} {day.Of("pulls")}"));
        var bytes = "one".Length + "two".Length + ImagePusher.Config.Length;
        Assert.Equal(
            ("3", "2", "2", $"{bytes}", "0"),
            (answer.Of("pulls"), answer.Of("tags"), answer.Of("manifests"), answer.Of("bytes"), answer.Of("stars")));
        answer = await images.ApiAsync("GET", "/statistics?repository=a/app", null, 200);
        Assert.Equal(30, answer.GetProperty("days").GetArrayLength());
        answer = await images.ApiAsync("GET", "/statistics?repository=a/app&days=400", null, 200);
        Assert.Equal(400, answer.GetProperty("days").GetArrayLength());
        foreach (var wrong in new[] { "days=0", "days=401", "days=-1", "days=x", "days=99999999999" })
            await images.IsAsync("GET", $"/api/v1/statistics?repository=a/app&{wrong}", 400);
        await images.IsAsync("GET", "/api/v1/statistics?repository=a/none", 404);

        var command = new AccountCommand(registry);
        var said = (await command.RunAsync("repo", "statistics", "a/app", "--days", "3")).Is(0).Output;
        Assert.StartsWith($"a/app has 2 tags, 2 manifests, {bytes} B, 0 stars, 3 pulls in all.\nDAY ", said);
        Assert.Contains("\"pulls\":3", (await command.RunAsync("repo", "statistics", "a/app", "--json")).Is(0).Output);
    }

    [Fact]
    public async Task What_is_said_of_a_repository_comes_back_from_the_trash_but_not_to_a_new_one()
    {
        await DescribeAsync();
        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.IsAsync("GET", "/api/v1/statistics?repository=a/app", 404);
        Assert.Empty((await images.ApiAsync("GET", "/stars", null, 200)).GetProperty("items").EnumerateArray());
        var trash = await images.ApiAsync("GET", "/trash?repository=a/app", null, 200);
        var entry = trash.GetProperty("items")[0].Of("id");
        await images.ApiAsync("POST", $"/trash/{entry}/restore", "{}", 200);
        var shown = await ShowAsync();
        Assert.Equal(
            ("Serves", "# App", "2", "1", "True"),
            (shown.Of("description"), shown.Of("readme"), shown.Of("pulls"), shown.Of("stars"), shown.Of("isStarred")));
        var days = (await images.ApiAsync("GET", "/statistics?repository=a/app", null, 200)).GetProperty("days");
        Assert.Equal("2", days[29].Of("pulls"));

        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.PushAsync("a/app", "v1", "new");
        shown = await ShowAsync();
        Assert.Equal(
            ("", "", "0", "0", "False"),
            (shown.Of("description"), shown.Of("readme"), shown.Of("pulls"), shown.Of("stars"), shown.Of("isStarred")));
        days = (await images.ApiAsync("GET", "/statistics?repository=a/app", null, 200)).GetProperty("days");
        Assert.Equal("0", days[29].Of("pulls"));
    }

    [Fact]
    public async Task What_is_said_of_a_repository_goes_when_the_trash_is_emptied()
    {
        await DescribeAsync();
        await images.IsAsync("DELETE", "/api/v1/repositories/a/app", 204);
        await images.ApiAsync("POST", "/trash/empty", """{"repository":"a/app"}""", 200);
        await registry.Services.GetRequiredService<Berth.Lifecycle.GarbageCollector>().RunAsync(TimeSpan.Zero, Stop);
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM star"));
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM repository_readme"));
        Assert.Equal(
            0, await CountAsync("SELECT count(*) FROM repository WHERE description IS NOT NULL OR pulls > 0"));
    }

    [Fact]
    public async Task A_page_of_repositories_takes_as_many_reads_as_one_of_them()
    {
        await DescribeAsync();
        var one = await CountReadsAsync();
        for (var i = 0; i < 20; i++) await images.PushAsync($"a/app{i}", "v1", "one");
        Assert.Equal(one, await CountReadsAsync());
    }

    private async Task<int> CountReadsAsync()
    {
        using var reads = new CountedReads();
        var answer = await SendAsync("GET", "/api/v1/repositories?n=1000", 200, follow: reads);
        Assert.Contains("\"pulls\":2", await answer.Content.ReadAsStringAsync(Stop));
        Assert.DoesNotContain("# App", await answer.Content.ReadAsStringAsync(Stop));
        return reads.Count;
    }

    private async Task DescribeAsync()
    {
        await images.PushAsync("a/app", "v1", "one");
        await images.ApiAsync(
            "PATCH", "/repositories/a/app", """{"description":"Serves","readme":"# App"}""", 200);
        await images.ApiAsync("PUT", "/stars/a/app", null, 204);
        await PullAsync(2);
    }

    private Task<System.Text.Json.JsonElement> ShowAsync() => images.ApiAsync("GET", "/repositories/a/app", null, 200);

    private async Task PullAsync(int count)
    {
        for (var i = 0; i < count; i++) await images.TextAsync("/v2/a/app/manifests/v1");
        await registry.Services.GetRequiredService<PullTimes>().WriteAsync(Stop);
    }

    private async Task<long?> CountAsync(string sql) => await registry.Services
        .GetRequiredService<Berth.Metadata.Database>().ReadAsync(session => session.NumberAsync(sql), Stop);

    private async Task<HttpResponseMessage> SendAsync(
        string method, string path, int status, string? match = null, CountedReads? follow = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(Basic("admin", AdminPassword));
        if (match is not null) request.Headers.TryAddWithoutValidation("If-Match", match);
        follow?.Follow(request);
        var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        return answer;
    }
}
