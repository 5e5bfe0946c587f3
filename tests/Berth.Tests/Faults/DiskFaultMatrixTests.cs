using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Berth.Tests.Faults;

/// <summary>What Berth does when a call fails.</summary>
internal enum FaultMoment
{
    Push,
    Promotion,
    Pull,
    Start,
}

/// <summary>One call that fails, with one error, at one moment.</summary>
/// <param name="Moment">What Berth is asked to do.</param>
/// <param name="Call">The call that fails.</param>
/// <param name="Path">What the file's path contains.</param>
/// <param name="Error">The error number, or a short write.</param>
/// <param name="Skip">How many such calls go through first.</param>
/// <param name="Times">How many fail; null: all until the end of the moment.</param>
internal sealed record FaultCell(FaultMoment Moment, DiskCalls Call, string Path, int Error, int Skip, int? Times);

/// <summary>
/// Call × error × moment, on the real program. In each cell nothing acknowledged is lost, nothing wrong is served, a
/// refusal names the cause, and the process lives. BERTH_TEST_LONG=1 runs all cells.
/// </summary>
[Collection(FaultTests.Name)]
public sealed partial class DiskFaultMatrixTests(ITestOutputHelper output)
{
    private const int CellsBetweenKills = 16;
    private const int InputOutput = DiskFaults.InputOutput;
    private const int NoSpace = DiskFaults.NoSpace;
    private const int Quota = DiskFaults.QuotaExceeded;

    private static readonly (DiskCalls Call, string[] Paths, int[] Errors)[] Writing =
    [
        (DiskCalls.Open, ["/uploads/", "/blobs/"], [InputOutput, DiskFaults.TooManyFiles, NoSpace]),
        (DiskCalls.Write, ["/uploads/", "berth.db"], [InputOutput, NoSpace, Quota, DiskFaults.ShortWrite]),
        (DiskCalls.Sync, ["/uploads", "/blobs", "berth.db", "/data"], [InputOutput, NoSpace, Quota]),
        (DiskCalls.Rename, ["/blobs/"], [InputOutput, NoSpace, Quota]),
        (DiskCalls.MakeFolder, ["/blobs/"], [InputOutput, NoSpace]),
        (DiskCalls.Truncate, ["/uploads/", "berth.db"], [InputOutput]),
        (DiskCalls.Unlink, ["/uploads/"], [InputOutput]),
    ];

    private static readonly (DiskCalls Call, string[] Paths, int[] Errors)[] Reading =
    [
        (DiskCalls.Open, ["/blobs/", "berth.db"], [InputOutput, DiskFaults.TooManyFiles]),
        (DiskCalls.Read, ["/blobs/", "berth.db"], [InputOutput, DiskFaults.ShortWrite]),
    ];

    private readonly Dictionary<string, int> answers = [];
    private readonly List<TestImage> acknowledged = [];
    private int seed = RandomNumberGenerator.GetInt32(1 << 29);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_call_fails_nothing_acknowledged_is_lost_and_the_answer_names_the_cause()
    {
        output.WriteLine($"seed {seed}");
        var isLong = Environment.GetEnvironmentVariable("BERTH_TEST_LONG") == "1";
        var offset = seed;
        var cells = Cells().Where((cell, index) =>
            isLong || (index + offset) % (cell.Moment == FaultMoment.Start ? 17 : 5) == 0).ToList();
        using var faults = new DiskFaults();
        await using var berth = await faults.StartAsync();
        using (var http = berth.CreateClient()) await PushAsync(new ImageClient(http, new Random(seed)), NextImage());
        var (struck, sinceKill) = (0, 0);
        foreach (var cell in cells)
        {
            try
            {
                await RunAsync(cell, berth, faults);
                if (faults.Hits > 0) struck++;
                if (++sinceKill % CellsBetweenKills == 0) await KillAndCheckAsync(berth);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{cell}: {e.Message}\n{berth.Output}", e);
            }
        }

        await KillAndCheckAsync(berth);
        output.WriteLine($"{cells.Count} cells, in {struck} of them a call failed");
        output.WriteLine($"{acknowledged.Count} images acknowledged, none lost");
        foreach (var (answer, count) in answers) output.WriteLine($"{count} × {answer}");
        Assert.True(struck > cells.Count / 3, "the faults hit hardly anything");
        Assert.DoesNotContain("Unexpected error in request", berth.Output, StringComparison.Ordinal);
    }

    private static IEnumerable<FaultCell> Cells()
    {
        foreach (var moment in Enum.GetValues<FaultMoment>())
        {
            foreach (var (call, paths, errors) in moment == FaultMoment.Pull ? Reading : Writing)
            {
                foreach (var path in paths)
                {
                    foreach (var error in errors)
                    {
                        if (moment != FaultMoment.Start) yield return new(moment, call, path, error, 0, null);
                        yield return new(moment, call, path, error, 0, 1);
                        yield return new(moment, call, path, error, 1, 1);
                        yield return new(moment, call, path, error, 3, 1);
                    }
                }
            }
        }
    }

    private async Task RunAsync(FaultCell cell, BerthProcess berth, DiskFaults faults)
    {
        if (cell.Moment == FaultMoment.Start)
        {
            await StartAsync(cell, berth, faults);
            return;
        }

        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(++seed));
        var image = NextImage();
        if (cell.Moment == FaultMoment.Promotion)
        {
            foreach (var blob in image.Blobs) await client.PushBlobAsync(image, blob);
        }

        faults.Inject(cell.Call, cell.Error, cell.Path, cell.Skip, cell.Times);
        await (cell.Moment switch
        {
            FaultMoment.Push => AttemptAsync(() => PushAsync(client, image)),
            FaultMoment.Promotion => AttemptAsync(() => PushManifestAsync(client, image)),
            _ => AttemptAsync(() => client.IsWholeAsync(acknowledged[^1])),
        });
        faults.Stop();
        using var alive = await http.GetAsync("healthz", Stop);
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);

        // Without the fault the same goes through, and what was answered with 201 is still there.
        if (cell.Moment == FaultMoment.Pull) Assert.True(await client.IsWholeAsync(acknowledged[^1]));
        else if (cell.Moment == FaultMoment.Promotion) await PushManifestAsync(client, image);
        else await PushAsync(client, image);
        Assert.True(await client.IsWholeAsync(image) || cell.Moment == FaultMoment.Pull);
    }

    /// <summary>It starts, or ends with a line that says why; once the disk works, it starts with everything.</summary>
    private async Task StartAsync(FaultCell cell, BerthProcess berth, DiskFaults faults)
    {
        await berth.KillAsync();
        faults.Inject(cell.Call, cell.Error, cell.Path, cell.Skip, cell.Times);
        try
        {
            await berth.StartAgainAsync(Stop);
            Count("start: ready");
        }
        catch (InvalidOperationException e) when (e.Message.StartsWith("Berth ended", StringComparison.Ordinal))
        {
            Count("start: refused");
            Assert.Contains("\nberth: ", e.Message, StringComparison.Ordinal);
            faults.Stop();
            await berth.StartAgainAsync(Stop);
        }

        faults.Stop();
        using var http = berth.CreateClient();
        await PushAsync(new ImageClient(http, new Random(++seed)), NextImage());
    }

    private async Task AttemptAsync(Func<Task> attempt)
    {
        try
        {
            await attempt();
            Count("went through");
        }
        catch (UnexpectedAnswerException e)
        {
            var status = Status().Match(e.Message).Groups[1].Value;
            Count(status);
            var cause = status == "507" ? "disk is full" : "failed (";
            if (status is "503" or "507" && e.Message.Contains(cause, StringComparison.Ordinal)) return;
            throw;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // An answer that had begun is cut, so that nobody takes it for the whole.
            Count("cut off");
        }
    }

    private async Task PushAsync(ImageClient client, TestImage image)
    {
        foreach (var blob in image.Blobs) await client.PushBlobAsync(image, blob);
        await PushManifestAsync(client, image);
    }

    private async Task PushManifestAsync(ImageClient client, TestImage image)
    {
        await client.PushManifestAsync(image);
        acknowledged.Add(image);
    }

    private async Task KillAndCheckAsync(BerthProcess berth)
    {
        await berth.KillAsync();
        await berth.StartAgainAsync(Stop);
        using var http = berth.CreateClient();
        var client = new ImageClient(http, new Random(++seed));
        foreach (var image in acknowledged)
        {
            Assert.True(await client.IsWholeAsync(image), $"{image} was acknowledged and is gone");
        }
    }

    /// <summary>Small blobs, and one large enough to be made durable at once.</summary>
    private TestImage NextImage() => new(
        $"team/app{seed % 3}", $"v{seed++}", new TestBlob(seed++, 400),
        [new TestBlob(seed++, 30_000), new TestBlob(seed++, 1_200_000)], MountedFrom: null);

    private void Count(string answer) => answers[answer] = answers.GetValueOrDefault(answer) + 1;

    [GeneratedRegex(@"was answered (\d+)")]
    private static partial Regex Status();
}
