using Berth.HarborAdapter;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Contents;
using Berth.Tests.Import;
using Berth.Tests.Scanning;
using Berth.Vulnerabilities;
using Microsoft.Extensions.DependencyInjection;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.HarborAdapter;

/// <summary>An image may say that it is of a release that nobody has heard of.</summary>
[Inside]
public sealed class AdapterDataTests : IAsyncLifetime
{
    private readonly SteppingClock clock = new();
    private KnownVulnerabilities known = null!;
    private ScriptedRegistry harbor = null!;
    private AdapterClient client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Harbor => "http://" + harbor.Authority;

    private Database Database => known.Registry.Services.GetRequiredService<Database>();

    public async ValueTask InitializeAsync()
    {
        harbor = await ScriptedRegistry.StartAsync();
        known = await StartAsync(clock, s => AdapterClient.On(s, Harbor));
        client = new AdapterClient(known.Registry);
        await known.TellAsync(Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1"));
    }

    public async ValueTask DisposeAsync()
    {
        await known.DisposeAsync();
        await harbor.DisposeAsync();
    }

    [Fact]
    public async Task Invented_releases_do_not_have_the_data_made_for_each_of_them()
    {
        await ScanAsync("12", 200);
        var one = await ScanAsync("one", 500);
        Assert.Contains("scan again in some minutes", one.Message, StringComparison.Ordinal);
        Assert.Equal(["Debian:12"], Known());

        // A while later it is known that there is nothing about it.
        clock.Advance(TimeSpan.FromMinutes(11));
        var again = await ScanAsync("one", 500);
        Assert.Contains("no data about packages of Debian:one", again.Message, StringComparison.Ordinal);
        await ScanAsync("12", 200);

        // From then on it is not wanted any more.
        clock.Advance(TimeSpan.FromDays(2));
        await ScanAsync("one", 500);
        await ScanAsync("12", 200);
        Assert.Equal(["Debian:12"], await WantedAsync(clock.GetUtcNow() - TimeSpan.FromDays(1)));
    }

    [Fact]
    public async Task A_scan_whose_data_is_there_does_not_wait_for_one_that_has_data_made()
    {
        var start = clock.GetUtcNow();
        await Database.WriteAsync(
            session => AdapterLayerTable.WantAsync(session, "Debian:12", start, start), isDurable: false, Stop);
        await known.TellAsync(Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1"));
        var asked = new TaskCompletionSource();
        using var hanging = new VulnerabilityData(
            new VulnerabilitySettings { Sources = ["oci:registry.example.com/data:1"] },
            Path.Combine(Path.GetDirectoryName(known.Source)!, "own"), clock)
        {
            Pull = async (_, _, stop) =>
            {
                asked.TrySetResult();
                await Task.Delay(Timeout.Infinite, stop);
            },
        };
        using var data = ActivatorUtilities.CreateInstance<AdapterData>(known.Registry.Services, hanging);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        Task invented = data.OpenAsync(["Debian:one"], end.Token);
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        using (var file = await data.OpenAsync(["Debian:12"], Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop))
            Assert.Contains("Debian:12", file.Covered);
        Assert.False(invented.IsCompleted);
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => invented);
    }

    [Fact]
    public async Task A_name_longer_than_any_is_not_asked_for()
    {
        var answer = await ScanAsync(new string('x', 150), 500);
        Assert.Contains("no data about packages of Debian", answer.Message, StringComparison.Ordinal);
        Assert.Empty(await WantedAsync(DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public async Task Of_too_many_names_those_that_were_wanted_last_are_kept()
    {
        var start = clock.GetUtcNow();
        await Database.WriteAsync(
            async session =>
            {
                for (var i = 0; i <= AdapterLayerTable.MaxEcosystems; i++)
                    await AdapterLayerTable.WantAsync(session, $"Debian:{i}", start + TimeSpan.FromSeconds(i), start);
                return true;
            },
            isDurable: false, Stop);
        var wanted = await WantedAsync(start);
        Assert.Equal(AdapterLayerTable.MaxEcosystems, wanted.Count);
        Assert.DoesNotContain("Debian:0", wanted);
    }

    /// <summary>What the data of this node was made for.</summary>
    private IReadOnlyList<string> Known()
    {
        using var file = known.Registry.Services.GetRequiredService<VulnerabilityData>().Open();
        return file!.Ecosystems;
    }

    private async Task<List<string>> WantedAsync(DateTimeOffset since) =>
        await Database.ReadAsync(session => AdapterLayerTable.WantedAsync(session, since), Stop);

    private async Task<AdapterAnswer> ScanAsync(string release, int status)
    {
        var image = harbor.AddImage("library/app", "1", RawTar.Gzip(new RawTar()
            .File("etc/os-release", $"ID=debian\nVERSION_ID={release}\nPRETTY_NAME=Debian\n")
            .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
            .End()));
        var answer = await client.ScanAsync(AdapterClient.Request(Harbor, "library/app", image.Digest));
        Assert.True(answer.Status == status, answer.Body);
        return answer;
    }
}
