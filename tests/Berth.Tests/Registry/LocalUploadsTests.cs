using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Berth.Tests.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

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
        var table = new UploadTable(
            registry.Services.GetRequiredService<Database>(), registry.Services.GetRequiredService<RepositoryTable>(),
            clock);
        using var uploads = Create(registry, table, clock);
        var id = await uploads.StartAsync(StoreUse.Repository, DigestAlgorithm.Sha256, "somebody", Stop);
        for (var passed = TimeSpan.Zero; passed < 2 * Age; passed += TimeSpan.FromMinutes(6))
        {
            await using (var lease = (await uploads.TakeAsync(StoreUse.Repository, id, Stop)).Lease)
            {
                var body = new MemoryStream(StoreUse.Bytes(1, bytesEachTime));
                await lease!.AppendAsync(PipeReader.Create(body), long.MaxValue, Stop);
                clock.Advance(TimeSpan.FromSeconds(10));
                Assert.True(await lease.KeepAsync(Stop));
            }

            clock.Advance(TimeSpan.FromMinutes(6));
            await uploads.CloseIdleAsync(TimeSpan.FromMinutes(5), Stop);
            Assert.Empty(await table.IdleAsync(Age, after: null, 10, Stop));
        }

        clock.Advance(Age);
        Assert.Single(await table.IdleAsync(Age, after: null, 10, Stop));
        Assert.True(await uploads.ExpireAsync(id, Age, Stop));
    }

    private static LocalUploads Create(RegistryFixture registry, UploadTable table, TimeProvider clock) => new(
        table, registry.Services.GetRequiredService<RepositoryBlobs>(),
        registry.Services.GetRequiredService<IBlobStore>(),
        new StorageSettings
        {
            Maintenance = new MaintenanceSettings { UploadPurging = new UploadPurgingSettings { Age = Age } },
        },
        new LimitSettings(), clock, NullLogger<LocalUploads>.Instance);
}
