using System.Text;
using System.Text.Json;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Scanners;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Scanners;

/// <summary>A registry whose images are scanned by adapters of the test's own.</summary>
internal sealed class ScannedRegistry : IAsyncDisposable
{
    private ScannedRegistry(RegistryFixture registry, TestAdapter adapter) =>
        (Registry, Adapter) = (registry, adapter);

    public RegistryFixture Registry { get; }

    /// <summary>The adapter called trivy.</summary>
    public TestAdapter Adapter { get; }

    public ContentImages Images => new(Registry);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Database Database => Registry.Services.GetRequiredService<Database>();

    /// <param name="change">Changes the scanners of the settings.</param>
    public static async Task<ScannedRegistry> StartAsync(
        Func<ScannerSettings, IReadOnlyList<ScannerSettings>>? change = null)
    {
        var adapter = await TestAdapter.StartAsync();
        var scanner = new ScannerSettings
        {
            Name = "trivy",
            Url = adapter.Url,
            RegistryUrl = "https://registry.example.com",
            Authorization = "Bearer of-the-adapter",
            Timeout = TimeSpan.FromSeconds(20),
        };
        var scanned = new ScannedRegistry(
            await AccountsOf.StartAsync(settings: s => s with { Scanners = change?.Invoke(scanner) ?? [scanner] }),
            adapter);

        // From here on only the test says when.
        await Eventually.TrueAsync(async () =>
            await scanned.NumberAsync("SELECT count(*) FROM job_history WHERE kind = 'call-scanners'") > 0);
        await scanned.WriteAsync("UPDATE job SET due_at = due_at + 86400000 WHERE kind = 'call-scanners'");
        return scanned;
    }

    /// <summary>Pushes an image that no other test has.</summary>
    public Task<string> PushAsync(string repository, string tag) =>
        Images.PushAsync(repository, tag, RawTar.Gzip(new RawTar().File("etc/hostname", repository + tag).End()));

    /// <summary>Has done what is due.</summary>
    public Task RunAsync() => Registry.Services.GetServices<Job>().Single(job => job.Kind == CallScannersJob.Name)
        .RunAsync("", Stop);

    /// <summary>Makes all images due.</summary>
    public Task HastenAsync() => WriteAsync("UPDATE scanner_report SET due_at = 0");

    public Task<int> WriteAsync(string sql) =>
        Database.WriteAsync(session => session.RunAsync(sql), isDurable: false, Stop);

    public async Task<long> NumberAsync(string sql) =>
        (await Database.ReadAsync(session => session.NumberAsync(sql), Stop)).GetValueOrDefault();

    /// <summary>What the scanner called so says of an image.</summary>
    public async Task<JsonElement> SeeAsync(string repository, string tag, string scanner = "trivy") =>
        (await Images.AskAsync($"{tag}/scanners?repository={repository}")).GetProperty("items").EnumerateArray()
            .Single(one => one.GetProperty("name").GetString() == scanner);

    public Task<JsonElement> FindAsync(string repository, string tag, string query = "") =>
        Images.AskAsync($"{tag}/scanners/trivy?repository={repository}{query}");

    public async Task<JsonElement> StatusAsync()
    {
        using var answer = await Images.SendAsync("GET", "/api/v1/scanners", null, null, 200);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop)).RootElement.GetProperty("items")[0];
    }

    /// <summary>Sends a request with what the adapter was given last.</summary>
    public async Task<int> AskAsScannerAsync(string method, string path, byte[]? body = null)
    {
        var secret = Adapter.Asked.Last().GetProperty("registry").GetProperty("authorization").GetString();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.TryAddWithoutValidation("Authorization", secret);
        request.Headers.TryAddWithoutValidation("Accept", "*/*");
        if (body is not null) request.Content = new ByteArrayContent(body);
        using var answer = await Registry.Client.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await Adapter.DisposeAsync();
    }
}
