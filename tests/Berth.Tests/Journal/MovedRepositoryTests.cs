using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Tests.Backups;
using Berth.Tests.Faults;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Journal;

/// <summary>A repository that was moved is rebuilt where it was moved to.</summary>
[Inside]
public sealed class MovedRepositoryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_moved_repository_is_rebuilt_by_its_new_name_with_its_history(bool isShared)
    {
        await using var set = await EngineSet.CreateAsync(isShared);
        await set.StartAsync();
        var client = new ImageClient(set.Client, new Random(1));
        var image = new TestImage("library/app", "v1", new(1, 500), [new TestBlob(2, 7000)], MountedFrom: null);
        await client.PushAsync(image);
        await client.PushAsync(image with { Tag = "v2" });
        await set.StopAsync();

        // The journal has it by its old name by now.
        await set.StartAsync();
        var moved = await set.Services.GetRequiredService<RepositoryMoving>().MoveAsync(
            new RepositoryMove(
                RepositoryName.Parse("library/app"), RepositoryName.Parse("team/new"), true, new Actor("x"), false),
            Stop);
        Assert.Equal(RepositoryMoveOutcome.Moved, moved.Outcome);
        await set.StopAsync();
        var served = await set.ServedAsync();
        Assert.Contains(served, line => line.StartsWith("team/new:v1 ", StringComparison.Ordinal));
        Assert.DoesNotContain(served, line => line.Contains("library/app", StringComparison.Ordinal));
        await set.LoseDatabaseAsync();
        Assert.Contains(
            "Rebuilt 1 manifest, 2 tags and 2 moves of tags.", (await set.RunAsync("rebuild", "--yes")).Is(0).Output);
        Assert.Equal(served, await set.ServedAsync());
        (await set.RunAsync("verify")).Is(0);
    }
}
