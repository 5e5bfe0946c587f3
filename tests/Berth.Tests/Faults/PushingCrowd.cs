namespace Berth.Tests.Faults;

/// <summary>
/// Several concurrent pushers, until the registry dies. Records which images were acknowledged and which were cut off,
/// and checks the registry against that.
/// </summary>
internal sealed class PushingCrowd(int seed)
{
    private const int Pushers = 4;

    private readonly Random random = new(seed);
    private readonly Lock guard = new();
    private readonly List<TestImage> acknowledged = [];
    private List<TestImage> recent = [];
    private List<TestImage> cutOff = [];

    public int Acknowledged => acknowledged.Count;

    public int CutOff { get; private set; }

    /// <summary>Pushes until the registry is gone, or until told to stop.</summary>
    public async Task PushUntilDeathAsync(BerthProcess berth, CancellationToken stop)
    {
        (recent, cutOff) = ([], []);
        await Task.WhenAll(
            Enumerable.Range(0, Pushers).Select(_ => Task.Run(() => PushAsync(berth, NextSeed(), stop), stop)));
        CutOff += cutOff.Count;
    }

    /// <summary>Ends the pushes that were cut off, without what the registry says it has.</summary>
    public async Task FinishCutOffAsync(BerthProcess berth)
    {
        using var http = berth.CreateClient();
        var client = new ImageClient(http, random);
        foreach (var image in cutOff)
        {
            await client.PushWhatIsMissingAsync(image);
            acknowledged.Add(image);
            recent.Add(image);
        }

        cutOff = [];
    }

    /// <summary>
    /// What was acknowledged since the last check is complete. What was cut off is complete or absent, and is complete
    /// once it has been pushed again.
    /// </summary>
    public async Task CheckRecentAsync(BerthProcess berth)
    {
        using var http = berth.CreateClient();
        var client = new ImageClient(http, random);
        foreach (var image in recent) await RequireWholeAsync(client, image);
        foreach (var image in cutOff)
        {
            await client.IsWholeAsync(image);
            await client.PushAsync(image);
            await RequireWholeAsync(client, image);
            acknowledged.Add(image);
        }
    }

    /// <summary>Everything ever acknowledged is complete.</summary>
    public async Task CheckAllAsync(BerthProcess berth)
    {
        using var http = berth.CreateClient();
        var client = new ImageClient(http, random);
        foreach (var image in acknowledged) await RequireWholeAsync(client, image);
    }

    private static async Task RequireWholeAsync(ImageClient client, TestImage image)
    {
        if (await client.IsWholeAsync(image)) return;
        throw new UnexpectedAnswerException($"{image.Repository}:{image.Tag} was acknowledged and is gone");
    }

    private async Task PushAsync(BerthProcess berth, int pusherSeed, CancellationToken stop)
    {
        var pusherRandom = new Random(pusherSeed);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, pusherRandom);
        while (!stop.IsCancellationRequested)
        {
            List<TestImage> others;
            lock (guard) others = acknowledged.Count > 0 ? acknowledged[^Math.Min(50, acknowledged.Count)..] : [];
            var image = TestImage.Random(pusherRandom, others);
            try
            {
                await (pusherRandom.Next(4) == 0 ? client.PushImpatientlyAsync(image) : client.PushAsync(image));
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                lock (guard) cutOff.Add(image);
                return;
            }

            lock (guard)
            {
                acknowledged.Add(image);
                recent.Add(image);
            }
        }
    }

    private int NextSeed()
    {
        lock (guard) return random.Next();
    }
}
