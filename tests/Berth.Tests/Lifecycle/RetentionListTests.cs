using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary><c>berth retention runs</c>: runs that somebody asked for, and those by themselves that removed anything.
/// </summary>
[Inside]
public sealed class RetentionListTests : IAsyncLifetime
{
    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => registry = await StartAsync(
        settings: s => s with
        {
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
            Storage = s.Storage with
            {
                Maintenance = s.Storage.Maintenance with
                {
                    Retention = new RetentionSettings { Interval = TimeSpan.FromDays(10) },
                },
            },
        },
        clock: clock);

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Runs_are_listed_with_where_they_ran_and_what_they_removed()
    {
        var (images, command) = (new ImagePusher(registry, "admin"), new AccountCommand(registry));
        await PushAsync(images, "acme/app", "1", "2");
        (await command.RunAsync("rule", "add", "acme/app", "--keep-last", "1")).Is(0);
        await RunByScheduleAsync(images);
        await RunByScheduleAsync(images);
        await PushAsync(images, "acme/app", "3");
        (await command.RunAsync("retention", "run", "--repository", "acme/app", "--yes")).Is(0);
        (await command.RunAsync("retention", "run", "--namespace", "acme", "--yes")).Is(0);

        // The second round removed nothing.
        var lines = (await command.RunAsync("retention", "runs")).Is(0).Output.Trim().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Matches("^3 +operator +acme .* done +0 +0$", lines[1]);
        Assert.Matches("^2 +operator +acme/app .* done +1 +1$", lines[2]);
        Assert.Matches("^1 +schedule +everywhere .* done +1 +1$", lines[3]);
        var asked = (await command.AskAsync("admin", AdminPassword, "retention", "runs")).Is(0).Output;
        Assert.Equal(lines, asked.Trim().Split('\n'));
    }

    /// <summary>What the whole registry removed is nobody's business who is called like its schedule.</summary>
    [Fact]
    public async Task A_user_sees_the_runs_that_they_asked_for_and_no_others()
    {
        var images = new ImagePusher(registry, "admin");
        await PushAsync(images, "schedule/app", "1", "2");
        (await new AccountCommand(registry).RunAsync("rule", "add", "schedule/app", "--keep-last", "1")).Is(0);
        await RunByScheduleAsync(images);
        await new AccountsOf(registry).AddUserAsync("schedule", ImagePusher.Password);
        var user = new ImagePusher(registry, "schedule");
        var own = await user.ApiAsync("POST", "/retention/runs", """{"namespace":"schedule"}""", 201);
        await user.ApiAsync("GET", $"/retention/runs/{own.Of("id")}", null, 200);
        await user.ApiAsync("GET", "/retention/runs/1", null, 404);
        await images.ApiAsync("GET", "/retention/runs/1", null, 200);
        await user.ApiAsync("GET", "/retention/runs", null, 403);
    }

    /// <summary>
    /// The registry's own round at its start may come first, and its run is listed only when it ends; and another
    /// process has just added the rule.
    /// </summary>
    private Task RunByScheduleAsync(ImagePusher images) => Eventually.TrueAsync(async () =>
    {
        await registry.Services.GetServices<Job>().OfType<RetentionJob>().Single().RunAsync("", Stop);
        return (await images.ApiAsync("GET", "/retention/runs", null, 200)).GetProperty("items").GetArrayLength() > 0;
    });

    private async Task PushAsync(ImagePusher images, string repository, params string[] tags)
    {
        foreach (var tag in tags)
        {
            await images.PushAsync(repository, tag, $"layer {tag}");
            clock.Advance(TimeSpan.FromMinutes(1));
        }
    }
}
