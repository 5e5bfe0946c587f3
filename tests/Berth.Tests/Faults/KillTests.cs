using System.Net;
using System.Security.Cryptography;
using System.Text;

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

    /// <summary>Small blobs reach their place some seconds after the answer.</summary>
    [Fact]
    public async Task Every_acknowledged_blob_survives_a_kill_and_nothing_else_is_taken_for_one()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var berth = await BerthProcess.StartAsync(cancellationToken: stop);
        using var client = berth.CreateClient();
        var digests = new List<string>();
        foreach (var (algorithm, text) in new[] { ("sha256", "one"), ("sha512", "two"), ("sha256", "three") })
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var hash = algorithm == "sha256" ? SHA256.HashData(bytes) : SHA512.HashData(bytes);
            digests.Add($"{algorithm}:{Convert.ToHexStringLower(hash)}");
            using var content = new ByteArrayContent(bytes);
            using var answer = await client.PostAsync($"v2/a/blobs/uploads/?digest={digests[^1]}", content, stop);
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        }

        await berth.KillAsync();
        var uploads = new DirectoryInfo(Path.Combine(berth.DataFolder, "uploads"));
        var files = uploads.EnumerateFiles().ToDictionary(file => File.ReadAllText(file.FullName));
        Assert.Equal(["one", "three", "two"], files.Keys.Order());
        await File.WriteAllTextAsync(files["three"].FullName, "thre", stop);
        await berth.StartAgainAsync(stop);
        foreach (var (digest, text) in digests.Zip(["one", "two", null]))
        {
            using var answer = await client.GetAsync($"v2/a/blobs/{digest}", stop);
            if (text is null) Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            else Assert.Equal(text, await answer.Content.ReadAsStringAsync(stop));
        }

        await Eventually.TrueAsync(() => !File.Exists(files["three"].FullName));
    }

    internal static IEnumerable<string> EmptyBlobsIn(string folder) =>
        new DirectoryInfo(Path.Combine(folder, "blobs")).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => file.Length == 0 && file.Name != EmptyName)
            .Select(file => file.FullName);
}
