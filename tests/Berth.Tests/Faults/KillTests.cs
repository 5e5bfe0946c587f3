using System.Security.Cryptography;

namespace Berth.Tests.Faults;

[Collection(FaultTests.Name)]
public class KillTests(ITestOutputHelper output)
{
    private static readonly int Rounds = TestRounds.Of(usual: 40, all: 200);
    private const int LongestLifeMilliseconds = 400;
    private const string EmptyName = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public async Task Every_acknowledged_image_survives_a_registry_that_is_killed_again_and_again()
    {
        var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var crowd = new PushingCrowd(seed);
        await using var berth = await BerthProcess.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        for (var round = 0; round < Rounds; round++)
        {
            var pushing = crowd.PushUntilDeathAsync(berth, TestContext.Current.CancellationToken);
            await Task.Delay(random.Next(LongestLifeMilliseconds), TestContext.Current.CancellationToken);
            await berth.KillAsync();
            await pushing;
            Assert.Empty(EmptyBlobsIn(berth.DataFolder));
            await berth.StartAgainAsync(TestContext.Current.CancellationToken);
            await crowd.CheckRecentAsync(berth);
        }

        await crowd.CheckAllAsync(berth);
        output.WriteLine($"{crowd.Acknowledged} images acknowledged, {crowd.CutOff} cut off");
        Assert.True(crowd.CutOff >= Rounds, "the kills hit nothing");
        Assert.True(crowd.Acknowledged > 2 * Rounds, "hardly anything was pushed");
    }

    internal static IEnumerable<string> EmptyBlobsIn(string folder) =>
        new DirectoryInfo(Path.Combine(folder, "blobs")).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => file.Length == 0 && file.Name != EmptyName)
            .Select(file => file.FullName);
}
