using Berth.Metadata;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Cli;

public class JobsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Jobs_that_wait_and_how_others_ended_are_listed_while_the_server_runs()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var table = registry.Services.GetRequiredService<JobTable>();
        await EndAsync(registry, "good", job => table.CompleteAsync(job, Stop));
        await EndAsync(registry, "bad", job => table.BuryAsync(job, "IOException: the disk is on fire", Stop));
        await AddAsync(registry, "later", TimeSpan.FromDays(1));
        var (exitCode, all) = await ListAsync(registry);
        Assert.True(exitCode == 0, all);
        Assert.Matches(@"good +\d+\.\d s +a-node", all);
        Assert.Contains("attempt 1: IOException: the disk is on fire", all, StringComparison.Ordinal);
        Assert.Matches("^STATE +WHEN \\(UTC\\) +JOB +TOOK +NODE +DETAIL\n", all);
        Assert.Matches("\nwaiting +[-0-9]{10} [:0-9]{8} +later\n", all);
        var (_, failed) = await ListAsync(registry, "--failed");
        Assert.DoesNotContain("No job has failed", failed, StringComparison.Ordinal);
        Assert.Contains("dead ", failed, StringComparison.Ordinal);
        Assert.DoesNotContain("good", failed, StringComparison.Ordinal);
        Assert.DoesNotContain("later", failed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_database_it_says_so_and_exits_with_2()
    {
        var folder = Directory.CreateTempSubdirectory("berth-test-");
        try
        {
            var (exitCode, output) = await BerthCommand.RunAsync(folder.FullName, "jobs", "list");
            Assert.Equal(2, exitCode);
            Assert.Contains("berth jobs list: there is no database at", output, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Task<(int ExitCode, string Output)> ListAsync(RegistryFixture registry, params string[] options)
    {
        var settings = new Dictionary<string, string>(registry.DatabaseVariables)
        {
            ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = registry.DataFolder,
        };
        return BerthCommand.RunAsync(settings, ["jobs", "list", .. options]);
    }

    private static async Task EndAsync(RegistryFixture registry, string kind, Func<ClaimedJob, Task<bool>> end)
    {
        await AddAsync(registry, kind);
        var job = await registry.Services.GetRequiredService<JobTable>()
            .ClaimAsync([kind], "a-node", TimeSpan.FromMinutes(1), Stop);
        Assert.True(await end(job!));
    }

    private static async Task AddAsync(RegistryFixture registry, string kind, TimeSpan wait = default) =>
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session =>
            {
                await registry.Services.GetRequiredService<JobTable>().AddAsync(session, kind, "", wait);
                return true;
            },
            isDurable: false);
}
