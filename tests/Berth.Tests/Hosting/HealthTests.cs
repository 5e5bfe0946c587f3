using System.Net;
using Berth.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Hosting;

public sealed class HealthTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("healthz")]
    [InlineData("readyz")]
    public async Task A_registry_in_good_health_says_so(string path)
    {
        await using var registry = await RegistryFixture.StartAsync();
        Assert.Equal("""{"status":"ok"}""", await registry.Client.GetStringAsync(path, Stop));
        using var head = await registry.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path), Stop);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        using var post = await registry.Client.PostAsync(path, null, Stop);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Fact]
    public async Task It_is_not_ready_while_the_folder_is_gone_and_ready_again_a_second_after()
    {
        await using var registry = await RegistryFixture.StartAsync();
        Directory.Move(registry.DataFolder, registry.DataFolder + "-away");
        await AssertUnavailableAsync(registry, "the data folder can't be written");
        Directory.Move(registry.DataFolder + "-away", registry.DataFolder);
        await AssertUnavailableAsync(registry, "the data folder can't be written");
        await Task.Delay(1100, Stop);
        Assert.Equal("""{"status":"ok"}""", await registry.Client.GetStringAsync("readyz", Stop));
        Assert.False(File.Exists(Path.Combine(registry.DataFolder, "berth.probe")));
    }

    [Fact]
    public async Task It_lives_but_is_not_ready_when_the_database_does_not_answer()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            session => session.Run("ALTER TABLE repository RENAME TO elsewhere"), isDurable: false);
        await AssertUnavailableAsync(registry, "the database does not answer");
        Assert.Equal("""{"status":"ok"}""", await registry.Client.GetStringAsync("healthz", Stop));
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
}
