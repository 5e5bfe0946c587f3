using Berth.Oci;
using Berth.Telemetry;

namespace Berth.Blobs;

/// <summary>A store whose calls are measured, if telemetry is enabled.</summary>
internal sealed class MeasuredBlobStore(IBlobStore inner) : IBlobStore
{
    private readonly OperationMeter meter = new(
        Meters.Duration("berth.store.operation.duration", "Calls to the blob store, excluding reads of blob content."),
        new("berth.store.kind", inner is ObjectBlobStore objects ? objects.Kind : "folder"), "berth.store.operation");

    public string Name => inner.Name;

    public ValueTask<BlobUpload> OpenUploadAsync(
        UploadId id, RepositoryName repository, DigestAlgorithm algorithm, string? state,
        CancellationToken cancellation) =>
        meter.RunAsync("open_upload", () => inner.OpenUploadAsync(id, repository, algorithm, state, cancellation));

    public Task DeleteUploadAsync(UploadId id, string? state, CancellationToken cancellation) =>
        meter.RunAsync("delete_upload", () => inner.DeleteUploadAsync(id, state, cancellation));

    public Task RecoverAsync(
        Func<UploadId, ValueTask<bool>> isOwned, Func<Digest, ValueTask<bool>> isRecorded,
        CancellationToken cancellation) =>
        meter.RunAsync("recover", () => inner.RecoverAsync(isOwned, isRecorded, cancellation));

    public Task RemoveOrphansAsync(
        DateTimeOffset since, Func<UploadId, ValueTask<bool>> isOwned, CancellationToken cancellation) =>
        meter.RunAsync("remove_orphans", () => inner.RemoveOrphansAsync(since, isOwned, cancellation));

    public Task CommitAsync(BlobUpload upload, Digest digest, CancellationToken cancellation) =>
        meter.RunAsync("commit", () => inner.CommitAsync(upload, digest, cancellation));

    public async Task<IReadOnlyDictionary<Digest, long>> MakeDurableAsync(
        IReadOnlyCollection<Digest> digests, CancellationToken cancellation) =>
        await meter.RunAsync("make_durable", async () => await inner.MakeDurableAsync(digests, cancellation));

    public ValueTask<long?> LengthOfAsync(Digest digest, CancellationToken cancellation) =>
        meter.RunAsync("length", () => inner.LengthOfAsync(digest, cancellation));

    public ValueTask<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation) =>
        meter.RunAsync("open", () => inner.OpenAsync(digest, cancellation));

    public Task DeleteAsync(Digest digest, CancellationToken cancellation) =>
        meter.RunAsync("delete", () => inner.DeleteAsync(digest, cancellation));

    public IAsyncEnumerable<Digest> ListAsync(CancellationToken cancellation) => inner.ListAsync(cancellation);

    public Task<bool> QuarantineAsync(Digest digest, BlobContent altered, CancellationToken cancellation) =>
        inner.QuarantineAsync(digest, altered, cancellation);

    public IAsyncEnumerable<Digest> ListQuarantinedAsync(CancellationToken cancellation) =>
        inner.ListQuarantinedAsync(cancellation);

    public Task DeleteQuarantinedAsync(Digest digest, CancellationToken cancellation) =>
        inner.DeleteQuarantinedAsync(digest, cancellation);

    public StoreFiles Files => inner.Files;

    public Task<string?> FindMarkAsync(CancellationToken cancellation) => inner.FindMarkAsync(cancellation);

    public Task MarkAsync(string mark, bool replaces, CancellationToken cancellation) =>
        inner.MarkAsync(mark, replaces, cancellation);

    public ValueTask<string?> FindProblemAsync(bool forPulls, CancellationToken cancellation) =>
        inner.FindProblemAsync(forPulls, cancellation);
}
