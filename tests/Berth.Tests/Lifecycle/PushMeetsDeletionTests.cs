using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Tests.Access;
using Berth.Tests.Blobs;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>
/// A push of a blob that the collector is about to delete, or is deleting: the two orders that rules of
/// docs/decisions/0017 exclude, brought about in a registry with gates in its store.
/// </summary>
[Inside]
public sealed class PushMeetsDeletionTests : IAsyncLifetime
{
    private static readonly TimeSpan Grace = TimeSpan.FromHours(24);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly SetClock clock = new();
    private readonly WaitingClock waits = new();
    private readonly byte[] content = StoreUse.Bytes(17, 3000);
    private RegistryFixture registry = null!;
    private GatedStore store = null!;
    private Uploads uploads = null!;
    private GarbageCollector collector = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Digest Blob => StoreUse.DigestOf(content);

    public async ValueTask InitializeAsync()
    {
        registry = await RegistryFixture.StartAsync(s => s.CollectedByHand(), clock);
        var services = registry.Services;
        store = GatedStore.Over(services.GetRequiredService<IBlobStore>());
        uploads = (Uploads)ActivatorUtilities.CreateInstance(
            services, services.GetRequiredService<Uploads>().GetType(), store.Proxy, waits);
        collector = ActivatorUtilities.CreateInstance<GarbageCollector>(services, store.Proxy, uploads);

        // The blob is in a repository that needs it no more, and has hidden it already.
        await using (var push = await BeginAsync("a")) await push.CommitAsync(Blob, Stop);
        await store.Proxy.MakeDurableAsync([Blob], Stop);
        clock.Advance(Grace * 0.51);
        Assert.Equal(GarbageReport.Nothing, await collector.RunAsync(Grace, Stop));
        await IsAsync("a", 404);
        clock.Advance(Grace * 0.51);
    }

    public async ValueTask DisposeAsync()
    {
        uploads.Dispose();
        await registry.DisposeAsync();
    }

    [Fact]
    public async Task A_blob_that_is_committed_and_not_linked_yet_is_not_deleted()
    {
        await using var push = await BeginAsync("b");
        store.Committed.Close();
        var committing = push.CommitAsync(Blob, Stop);
        await store.Committed.Reached.WaitAsync(Patience, Stop);
        var report = await collector.RunAsync(Grace, Stop);
        Assert.Equal((1, 0), (report.Links, report.Blobs));
        store.Committed.Open();
        await committing;
        Assert.Equal(content, await IsAsync("b", 200));
        Assert.Equal(GarbageReport.Nothing, await collector.RunAsync(Grace, Stop));
        Assert.Equal(content, await IsAsync("b", 200));
    }

    [Fact]
    public async Task A_push_of_a_blob_that_is_being_deleted_waits_and_is_there_afterwards()
    {
        store.Deleting.Close();
        var collecting = collector.RunAsync(Grace, Stop);
        await store.Deleting.Reached.WaitAsync(Patience, Stop);
        await using var push = await BeginAsync("b");
        var began = store.NextCommit();
        var committing = push.CommitAsync(Blob, Stop);

        // In memory, it waits by now; else it looks again after a while.
        if (uploads is SharedUploads) await Task.WhenAny(began, waits.Began).WaitAsync(Patience, Stop);
        Assert.False(began.IsCompleted, "it was committed beside its deletion");
        store.Deleting.Open();
        Assert.Equal((1, 1), ((await collecting).Links, (await collecting).Blobs));
        await committing;
        Assert.Equal(content, await IsAsync("b", 200));
    }

    /// <summary>A push up to where all its bytes have arrived.</summary>
    private async Task<UploadLease> BeginAsync(string repository)
    {
        var lease = await uploads.TakeNewAsync(RepositoryName.Parse(repository), Blob, "somebody", Stop);
        await lease.AppendAsync(PipeReader.Create(new MemoryStream(content)), long.MaxValue, Stop);
        Assert.Equal(Blob, await lease.ComputeDigestAsync(Blob.Algorithm, Stop));
        return lease;
    }

    private async Task<byte[]> IsAsync(string repository, int status)
    {
        using var answer = await registry.Client.GetAsync($"v2/{repository}/blobs/{Blob}", Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        return await answer.Content.ReadAsByteArrayAsync(Stop);
    }

    /// <summary>The machine's clock, which tells when somebody begins to wait by it.</summary>
    private sealed class WaitingClock : TimeProvider
    {
        private readonly TaskCompletionSource began = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Began => began.Task;

        public override ITimer CreateTimer(
            TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            began.TrySetResult();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
