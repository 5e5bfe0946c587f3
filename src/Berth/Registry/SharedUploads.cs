using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>
/// Uploads to a store that nodes share. An upload's row holds all that any node needs to resume it, so nothing stays in
/// memory between requests. A request claims the row, which raises its version, and releases it with the new state. A
/// stale request, on a node that lost contact, finds a newer version and changes nothing.
/// </summary>
internal sealed class SharedUploads(
    UploadTable table, RepositoryBlobs blobs, UploadQuotas quotas, IBlobStore store, TimeProvider clock,
    ILogger<SharedUploads> log)
    : Uploads(table, blobs, quotas, store, clock, log)
{
    /// <summary>Uploads being written by requests to this node; null while one is being claimed.</summary>
    private readonly ConcurrentDictionary<UploadId, Lease?> held = new();

    public override async Task<UploadId> StartAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, CancellationToken cancellation) =>
        (await AddAsync(repository, algorithm, startedBy, becomes: null, cancellation)).Row.Id;

    public override async Task<UploadLease> TakeNewAsync(
        RepositoryName repository, Digest becomes, string startedBy, CancellationToken cancellation)
    {
        var (row, may) = await AddAsync(repository, becomes.Algorithm, startedBy, becomes, cancellation);
        var lease = await OpenAsync(row, may ? becomes : null, cancellation);
        lease.Otherwise = UploadEnd.Discard;
        return lease;
    }

    public override async ValueTask<UploadTaking> TakeAsync(
        RepositoryName repository, UploadId id, Digest? becomes, CancellationToken cancellation)
    {
        if (!held.TryAdd(id, null)) return UploadTaking.Busy;
        Lease? lease = null;
        try
        {
            var (row, may) = await Table.ClaimAsync(id, repository, becomes, cancellation);
            if (row is not null) lease = await OpenAsync(row, may ? becomes : null, cancellation);
        }
        finally
        {
            if (lease is null) held.TryRemove(id, out _);
        }

        return new UploadTaking(lease);
    }

    public override async ValueTask<long?> FindOffsetAsync(
        RepositoryName repository, UploadId id, CancellationToken cancellation)
    {
        if (await Table.FindAsync(id, cancellation) is not { } row || row.Repository != repository) return null;
        if (held.TryGetValue(id, out var lease) && lease?.Version == row.Version) return lease.Offset;
        using var content = await Store.OpenUploadAsync(
            row.Id, row.Repository, row.Algorithm, row.State, cancellation);
        return content.Offset;
    }

    public override async Task<bool> ExpireAsync(UploadId id, TimeSpan age, CancellationToken cancellation)
    {
        if (held.ContainsKey(id))
        {
            await Table.TouchAsync(id, cancellation);
            return false;
        }

        if (await Table.RemoveIdleAsync(id, age, cancellation) is not { } row) return false;
        Quotas.Release(id);
        await Store.DeleteUploadAsync(id, row.State, cancellation);
        return true;
    }

    public override async Task RecordActivityAsync(CancellationToken cancellation)
    {
        foreach (var id in held.Keys) await Table.TouchAsync(id, cancellation);
    }

    private async Task<(UploadRow Row, bool MayBecome)> AddAsync(
        RepositoryName repository, DigestAlgorithm algorithm, string startedBy, Digest? becomes,
        CancellationToken cancellation)
    {
        var row = new UploadRow(
            UploadId.New(), repository, algorithm, State: null, Version: 0, Clock.GetUtcNow());
        return (row, await Table.AddAsync(row, startedBy, becomes, cancellation));
    }

    private async ValueTask<Lease> OpenAsync(UploadRow row, Digest? claimed, CancellationToken cancellation)
    {
        var content = await Store.OpenUploadAsync(
            row.Id, row.Repository, row.Algorithm, row.State, cancellation);
        content.BeginRequest();
        content.IsHeldAsync = stop => Table.IsHeldAsync(row.Id, row.Version, stop);
        var lease = new Lease(this, content, row.Version, claimed);
        held[row.Id] = lease;
        return lease;
    }

    private sealed class Lease(SharedUploads uploads, BlobUpload content, long version, Digest? claimed)
        : UploadLease(uploads, content)
    {
        private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

        public long Version => version;

        /// <summary>Usually the request's first write has claimed it.</summary>
        protected override async ValueTask<IDisposable?> ClaimAsync(Digest digest, CancellationToken cancellation)
        {
            while (digest != claimed)
            {
                var may = await uploads.Table.BecomeAsync(Id, version, digest, cancellation);
                if (may is null) throw new UploadTakenException();
                if (may.Value) return null;
                await Task.Delay(BetweenLooks, uploads.Clock, cancellation);
            }

            return null;
        }

        protected override async Task<bool> RecordAsync(CancellationToken cancellation)
        {
            await Content.SuspendAsync(cancellation);
            return await uploads.Table.ReleaseAsync(Id, Content.State, version, cancellation);
        }

        /// <summary>First what only this request knows about, then the row, if it still holds it.</summary>
        protected override async Task DeleteAsync(CancellationToken cancellation)
        {
            await Content.RewindAsync(cancellation);
            if (await uploads.Table.RemoveHeldAsync(Id, version, cancellation) is { } row)
            {
                await uploads.Store.DeleteUploadAsync(Id, row.State, cancellation);
            }
        }

        protected override void LetGo(bool isOver)
        {
            uploads.held.TryRemove(Id, out _);
            Content.Dispose();
        }
    }
}
