using Berth.Settings;
using Berth.Tests.Clients;
using Berth.Tests.Servers;

namespace Berth.Tests.Import;

/// <summary><c>berth import config.yml</c>: a registry:2 with its data in a bucket, as its own settings say.</summary>
[Once]
public sealed class BucketImportTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-bucket-").FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_registry_in_a_bucket_moves_in_by_its_own_settings()
    {
        await using var bucket = await S3Server.CreateBucketAsync();
        var tools = await ClientTools.ReadyAsync();
        var storage =
            $"s3: {{region: {S3Server.Region}, regionendpoint: \"{bucket.Address}\", bucket: {bucket.Name}, "
            + $"accesskey: {S3Server.AccessKey}, secretkey: \"{S3Server.SecretKey}\", secure: false, "
            + "rootdirectory: /old}";
        await using var old = await DistributionRegistry.StartAsync(
            tools, "http2: {disabled: true}", storage);
        await OldRegistry.FillAsync(old.Address, tools, folder);
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
            Jobs = s.Jobs with { PollInterval = TimeSpan.FromMilliseconds(100) },
        });
        var moved = new MovedRegistry(registry);
        var said = (await moved.ImportAsync(old.SettingsFile, "--dry-run")).Is(0).Output;
        Assert.Contains("/old/docker/registry/v2 has 2 repositories, 8 manifests and 5 tags", said);
        var done = (await moved.ImportAsync(old.SettingsFile, "--yes")).Is(0).Output;
        Assert.Contains("Imported 8 manifests of 8, 5 tags of 5", done);
        Assert.DoesNotContain("WHAT", done);
        var revisions = (await bucket.KeysAsync()).Where(key => key.Contains("/revisions/", StringComparison.Ordinal))
            .Select(key => key["old/docker/registry/v2/repositories/".Length..].Split('/'))
            .Select(path => (string.Join('/', path[..^5]), $"{path[^3]}:{path[^2]}")).ToList();
        Assert.Equal(8, revisions.Count);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{old.Address}") };
        await moved.AssertHasAllAsync(http, revisions);
        var again = (await moved.ImportAsync(old.SettingsFile, "--yes")).Is(0).Output;
        Assert.Contains("Imported 0 manifests of 8, 0 tags of 5", again);
        Assert.DoesNotContain(S3Server.SecretKey, said + done + string.Join('\n', registry.Log));
    }

    [Theory]
    [InlineData("version: 0.1\nhttp: {addr: ':5000'}", "it has no storage section")]
    [InlineData("version: 0.1\nstorage: {filesystem: {rootdirectory: /nowhere}}", "/nowhere, which")]
    [InlineData("version: 0.1\nstorage: {gcs: {bucket: x}}", "does not say where the registry keeps its data")]
    [InlineData("- no\n- settings", "does not say where the registry keeps its data")]
    public async Task Settings_that_lead_nowhere_are_refused(string settings, string words)
    {
        var file = Path.Combine(folder, "config.yml");
        await File.WriteAllTextAsync(file, settings, TestContext.Current.CancellationToken);
        await using var registry = await RegistryFixture.StartAsync();
        Assert.Contains(words, (await new MovedRegistry(registry).ImportAsync(file, "--dry-run")).Errors);
    }
}
