using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Registry;

/// <summary>Uploads to a folder that rest between their requests.</summary>
public class LocalUploadsTests
{
    private static readonly TimeSpan Age = TimeSpan.FromHours(1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task An_upload_that_is_resumed_now_and_then_does_not_expire(int bytesEachTime)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var clock = new SteppingClock();
        var table = TableOf(registry, clock);
        using var uploads = Create(registry, table, clock);
        var id = await StartAsync(uploads);
        for (var passed = TimeSpan.Zero; passed < 2 * Age; passed += TimeSpan.FromMinutes(6))
        {
            await using (var lease = (await uploads.TakeAsync(StoreUse.Repository, id, becomes: null, Stop)).Lease)
            {
                var body = new MemoryStream(StoreUse.Bytes(1, bytesEachTime));
                await lease!.AppendAsync(PipeReader.Create(body), long.MaxValue, Stop);
                clock.Advance(TimeSpan.FromSeconds(10));
                Assert.True(await lease.KeepAsync(Stop));
            }

            clock.Advance(TimeSpan.FromMinutes(6));
            await uploads.CloseIdleAsync(TimeSpan.FromMinutes(5), Stop);
            Assert.Empty(await table.IdleAsync(Age, after: null, 10, Stop));

            // The hash of what arrived is kept, for whoever goes on.
            Assert.Equal(bytesEachTime > 0, (await table.FindAsync(id, Stop))!.State is not null);
        }

        clock.Advance(Age);
        Assert.Single(await table.IdleAsync(Age, after: null, 10, Stop));
        Assert.True(await uploads.ExpireAsync(id, Age, Stop));
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task An_upload_in_one_request_does_not_expire_however_long_that_takes()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var clock = new SteppingClock();
        var table = TableOf(registry, clock);
        using var uploads = Create(registry, table, clock);
        await using var lease = await uploads.TakeNewAsync(
            StoreUse.Repository, Digest.Of(DigestAlgorithm.Sha256, []), "somebody", Stop);
        clock.Advance(2 * Age);
        Assert.False(await uploads.ExpireAsync(lease.Id, Age, Stop));
        clock.Advance(2 * Age);
        await uploads.RecordActivityAsync(Stop);
        await uploads.CloseIdleAsync(TimeSpan.Zero, Stop);
        Assert.Empty(await table.IdleAsync(Age, after: null, 10, Stop));
        Assert.True((await uploads.TakeAsync(StoreUse.Repository, lease.Id, becomes: null, Stop)).IsBusy);
        await lease.DiscardAsync(Stop);
        Assert.Equal(UploadTaking.Unknown, await uploads.TakeAsync(StoreUse.Repository, lease.Id, becomes: null, Stop));
        Assert.Empty(await registry.StoredAsync("uploads"));
    }

    [Fact]
    public async Task An_upload_whose_request_just_ends_stays_open_for_the_next_one()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var clock = new SteppingClock();
        var table = TableOf(registry, clock);
        using var uploads = Create(registry, table, clock);
        var id = await StartAsync(uploads);
        var content = StoreUse.Bytes(1, 1000);
        await using (var lease = (await uploads.TakeAsync(StoreUse.Repository, id, becomes: null, Stop)).Lease)
        {
            await lease!.AppendAsync(PipeReader.Create(new MemoryStream(content)), long.MaxValue, Stop);
        }

        clock.Advance(TimeSpan.FromMinutes(11));
        await using (var next = (await uploads.TakeAsync(StoreUse.Repository, id, becomes: null, Stop)).Lease)
        {
            Assert.Equal(StoreUse.DigestOf(content), await next!.ComputeDigestAsync(DigestAlgorithm.Sha256, Stop));
            Assert.DoesNotContain(registry.Log, line => line.Contains("reading it again", StringComparison.Ordinal));
        }

        // An upload that is open has no hash in its row.
        clock.Advance(TimeSpan.FromMinutes(2));
        await uploads.CloseIdleAsync(TimeSpan.FromMinutes(5), Stop);
        Assert.Null((await table.FindAsync(id, Stop))!.State);
        await uploads.CloseIdleAsync(TimeSpan.Zero, Stop);
        Assert.NotNull((await table.FindAsync(id, Stop))!.State);
    }

    [Fact]
    public async Task An_upload_does_not_expire_soon_after_a_request_however_short_the_age_is()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var (clock, age) = (new SteppingClock(), TimeSpan.FromMinutes(8));
        var table = TableOf(registry, clock);
        using var uploads = Create(registry, table, clock, age);
        var id = await StartAsync(uploads);
        clock.Advance(TimeSpan.FromMinutes(7));
        await using (var lease = (await uploads.TakeAsync(StoreUse.Repository, id, becomes: null, Stop)).Lease)
        {
            Assert.True(await lease!.KeepAsync(Stop));
        }

        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Empty(await table.IdleAsync(age, after: null, 10, Stop));
    }

    [Fact]
    public async Task A_blob_that_comes_whole_needs_no_row()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var table = TableOf(registry, TimeProvider.System);
        using var uploads = Create(registry, table, TimeProvider.System);
        var (content, id) = (StoreUse.Bytes(1, 1000), await StartAsync(uploads));
        Assert.Equal(0, await uploads.FindOffsetAsync(StoreUse.Repository, id, Stop));
        var digest = StoreUse.DigestOf(content);
        await using var lease = (await uploads.TakeAsync(StoreUse.Repository, id, digest, Stop)).Lease;
        await lease!.AppendAsync(PipeReader.Create(new MemoryStream(content)), long.MaxValue, Stop);
        Assert.Null(await table.FindAsync(id, Stop));
        await lease.CommitAsync(digest, Stop);
        Assert.Null(await table.FindAsync(id, Stop));
        Assert.Null(await uploads.FindOffsetAsync(StoreUse.Repository, id, Stop));
        Assert.Equal(UploadTaking.Unknown, await uploads.TakeAsync(StoreUse.Repository, id, digest, Stop));
    }

    [Fact]
    public async Task Uploads_that_have_received_nothing_outlive_a_stop()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var table = TableOf(registry, TimeProvider.System);
        using var uploads = Create(registry, table, TimeProvider.System);
        var (untouched, given) = (await StartAsync(uploads), await StartAsync(uploads));
        var digest = StoreUse.DigestOf([1]);
        await using (var lease = (await uploads.TakeAsync(StoreUse.Repository, given, digest, Stop)).Lease)
        {
            Assert.True(await lease!.KeepAsync(Stop));
        }

        Assert.Null(await table.FindAsync(given, Stop));
        await uploads.CloseIdleAsync(TimeSpan.Zero, Stop);
        using var next = Create(registry, table, TimeProvider.System);
        Assert.Equal(0, await next.FindOffsetAsync(StoreUse.Repository, untouched, Stop));
        Assert.Equal(0, await next.FindOffsetAsync(StoreUse.Repository, given, Stop));
        Assert.False(await next.IsKnownAsync(UploadId.New(), Stop));
    }

    [Fact]
    public async Task What_a_request_that_failed_has_left_outlives_a_crash()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var table = TableOf(registry, TimeProvider.System);
        using var uploads = Create(registry, table, TimeProvider.System);
        var (content, id) = (StoreUse.Bytes(1, 1000), await StartAsync(uploads));
        await using (var lease = (await uploads.TakeAsync(
            StoreUse.Repository, id, StoreUse.DigestOf([1]), Stop)).Lease)
        {
            await lease!.AppendAsync(PipeReader.Create(new MemoryStream(content)), long.MaxValue, Stop);
        }

        using var next = Create(registry, table, TimeProvider.System);
        Assert.Equal(content.Length, await next.FindOffsetAsync(StoreUse.Repository, id, Stop));
    }

    [Fact]
    public async Task Of_requests_that_begin_an_upload_at_once_one_gets_it()
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var table = TableOf(registry, TimeProvider.System);
        using var uploads = Create(registry, table, TimeProvider.System);
        for (var round = 0; round < 20; round++)
        {
            var id = await StartAsync(uploads);
            var takings = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
                async () => await uploads.TakeAsync(StoreUse.Repository, id, becomes: null, Stop))));
            Assert.Equal(3, takings.Count(taking => taking.IsBusy));
            await takings.Single(taking => taking.Lease is not null).Lease!.DiscardAsync(Stop);
            Assert.Null(await table.FindAsync(id, Stop));
        }
    }

    /// <summary>After a crash, files without a row are read before the first request: no large ones, please.</summary>
    [Theory]
    [InlineData(1000L, false)]
    [InlineData(2_000_000L, true)]
    [InlineData(null, true)]
    public async Task A_large_upload_has_a_row_while_its_bytes_arrive(long? bytes, bool isRecorded)
    {
        await using var registry = await RegistryFixture.StartOnFilesAsync();
        var table = TableOf(registry, TimeProvider.System);
        using var uploads = Create(registry, table, TimeProvider.System);
        var (digest, id) = (StoreUse.DigestOf([1]), await StartAsync(uploads));
        await using var inTwo = (await uploads.TakeAsync(StoreUse.Repository, id, digest, Stop)).Lease!;
        await using var inOne = await uploads.TakeNewAsync(StoreUse.Repository, digest, "somebody", Stop);
        foreach (var lease in new[] { inTwo, inOne })
        {
            await lease.ReserveAsync(bytes, digest, Stop);
            Assert.Equal(isRecorded, await table.FindAsync(lease.Id, Stop) is not null);
            await lease.DiscardAsync(Stop);
            Assert.Null(await table.FindAsync(lease.Id, Stop));
            Assert.False(await uploads.IsKnownAsync(lease.Id, Stop));
        }
    }

    private static Task<UploadId> StartAsync(LocalUploads uploads) =>
        uploads.StartAsync(StoreUse.Repository, DigestAlgorithm.Sha256, "somebody", Stop);

    private static UploadTable TableOf(RegistryFixture registry, TimeProvider clock) => new(
        registry.Services.GetRequiredService<Database>(), registry.Services.GetRequiredService<RepositoryTable>(),
        clock);

    private static LocalUploads Create(
        RegistryFixture registry, UploadTable table, TimeProvider clock, TimeSpan? age = null) => new(
        table, registry.Services.GetRequiredService<RepositoryBlobs>(),
        registry.Services.GetRequiredService<UploadQuotas>(), registry.Services.GetRequiredService<IBlobStore>(),
        new StorageSettings
        {
            Maintenance = new MaintenanceSettings { UploadPurging = new UploadPurgingSettings { Age = age ?? Age } },
        },
        new LimitSettings(), clock, registry.Services.GetRequiredService<ILogger<LocalUploads>>());
}
