using Berth.Distribution;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Blobs;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Abandoned uploads, and files that no upload owns any more.</summary>
[Inside]
public class PurgeUploadsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static readonly UploadPurgingSettings Quick = new()
    {
        Age = TimeSpan.FromSeconds(1),
        Interval = TimeSpan.FromSeconds(0.3),
    };

    [Fact]
    public async Task A_start_removes_what_an_earlier_process_left_and_keeps_uploads_that_can_resume()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var script = new Script(registry);
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > abcd
              202
            """);
        var left = Leave(registry, UploadId.New(), TimeSpan.FromSeconds(1));
        await registry.RestartAsync();
        await Eventually.TrueAsync(() => !File.Exists(left));
        await new Script(registry) { ["upload"] = script["upload"] }.PlayAsync(
            "PUT {upload}?digest={sha256 abcdef}\n > ef\n 201");
    }

    [Fact]
    public async Task In_a_store_that_nodes_share_only_what_is_older_than_the_age_is_removed()
    {
        var age = TimeSpan.FromHours(1);
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => Purging(s, Quick with { Age = age }, isShared: true));
        var young = Leave(registry, UploadId.New(), age * 0.9);
        await registry.RestartAsync();
        var old = Leave(registry, UploadId.New(), age * 1.1);
        await Eventually.TrueAsync(() => !File.Exists(old));
        Assert.True(File.Exists(young));
    }

    [Fact]
    public async Task A_dry_run_only_reports_what_would_be_removed()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => Purging(s, Quick with { DryRun = true }, isShared: true));
        var (left, upload) = (Leave(registry, UploadId.New(), TimeSpan.FromHours(1)), await StartAsync(registry));
        var told = $"Upload {upload} expired (dry run: True)";
        await Eventually.TrueAsync(() => registry.Log.Any(line => line.Contains(told, StringComparison.Ordinal)));
        Assert.True(File.Exists(left));
        Assert.NotNull(await registry.Services.GetRequiredService<UploadTable>().FindAsync(upload, Stop));
    }

    [Fact]
    public async Task A_dry_run_tells_of_all_uploads_that_would_go_each_time()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => Purging(s, Quick with { DryRun = true, Interval = TimeSpan.FromHours(1) }, isShared: true));
        var begun = new List<UploadId>();
        for (var i = 0; i < 250; i++) begun.Add(await AddAsync(registry, TimeSpan.FromHours(1 + i % 3)));
        var job = registry.Services.GetServices<Job>().OfType<PurgeUploadsJob>().Single();
        await job.RunAsync("", Stop);
        var log = string.Join('\n', registry.Log);
        Assert.All(begun, id => Assert.Contains($"Upload {id} expired (dry run: True)", log, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_upload_that_is_in_use_after_all_is_not_called_expired()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var id = await AddAsync(registry, TimeSpan.Zero);
        var table = registry.Services.GetRequiredService<UploadTable>();
        var taking = await registry.Services.GetRequiredService<Uploads>().TakeAsync(
            StoreUse.Repository, id, becomes: null, Stop);
        await using var lease = taking.Lease!;
        await Eventually.TrueAsync(async () =>
        {
            // What runs at the start may note that the upload is in use.
            await table.SetStateAsync(id, state: null, TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(30), Stop);
            return (await table.IdleAsync(TimeSpan.FromDays(29), after: null, 1, Stop)).Count > 0;
        });
        await registry.Services.GetServices<Job>().OfType<PurgeUploadsJob>().Single().RunAsync("", Stop);
        Assert.NotNull(await table.FindAsync(id, Stop));
        Assert.DoesNotContain(registry.Log, line => line.Contains("expired", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_expires_where_purging_is_switched_off()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync(
            s => Purging(s, Quick with { Enabled = false }, isShared: true));
        var (old, upload) = (Leave(registry, UploadId.New(), TimeSpan.FromHours(1)), await StartAsync(registry));
        await Task.Delay(TimeSpan.FromSeconds(2.5), TestContext.Current.CancellationToken);
        Assert.NotNull(await registry.Services.GetRequiredService<UploadTable>().FindAsync(upload, Stop));
        Assert.False(File.Exists(old));
    }

    [Fact]
    public async Task An_upload_that_another_node_has_resumed_does_not_expire()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var id = await StartAsync(registry);
        var uploads = registry.Services.GetRequiredService<Uploads>();
        await new Script(registry).PlayAsync($"PATCH /v2/a/blobs/uploads/{id}\n > ab\n 202");
        await uploads.ExpireAsync(id, TimeSpan.FromHours(1), TestContext.Current.CancellationToken);
        Assert.NotNull(await registry.Services.GetRequiredService<UploadTable>().FindAsync(id, Stop));
        await new Script(registry).PlayAsync($"PATCH /v2/a/blobs/uploads/{id}\n > cd\n 202");
        await Task.Delay(20, TestContext.Current.CancellationToken);
        await uploads.ExpireAsync(id, TimeSpan.FromMilliseconds(1), TestContext.Current.CancellationToken);
        await new Script(registry).PlayAsync($"PATCH /v2/a/blobs/uploads/{id}\n > efgh\n 404 BLOB_UPLOAD_UNKNOWN");
    }

    /// <summary>The row of an upload that nobody has used since.</summary>
    private static async Task<UploadId> AddAsync(RegistryFixture registry, TimeSpan age)
    {
        var row = new UploadRow(
            UploadId.New(), StoreUse.Repository, DigestAlgorithm.Sha256, State: null, Version: 0,
            TimeProvider.System.GetUtcNow() - age);
        await registry.Services.GetRequiredService<UploadTable>().AddAsync(row, "somebody", becomes: null, Stop);
        return row.Id;
    }

    private static RegistrySettings Purging(RegistrySettings settings, UploadPurgingSettings purging, bool isShared) =>
        settings with
        {
            Storage = settings.Storage with
            {
                IsShared = isShared,
                Maintenance = settings.Storage.Maintenance with { UploadPurging = purging },
            },
        };

    /// <summary>A file of an upload, as left by a process that died.</summary>
    private static string Leave(RegistryFixture registry, UploadId id, TimeSpan age)
    {
        var file = Path.Combine(registry.DataFolder, "uploads", id.Text);
        File.WriteAllText(file, "left");
        File.SetLastWriteTimeUtc(file, (TimeProvider.System.GetUtcNow() - age).UtcDateTime);
        return file;
    }

    private static async Task<UploadId> StartAsync(RegistryFixture registry)
    {
        using var response = await registry.Client.PostAsync(
            new Uri("v2/a/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.True(UploadId.TryParse(response.Headers.Location!.OriginalString.Split('/')[^1], out var id));
        return id;
    }
}
