using Berth.Blobs;
using Berth.Jobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// Ends uploads that were not resumed for <c>storage.maintenance.uploadpurging.age</c>, and removes orphans, which
/// a node leaves behind when it dies.
/// </summary>
internal sealed partial class PurgeUploadsJob(
    UploadTable table, Uploads uploads, IBlobStore store, StorageSettings storage, TimeProvider clock,
    ILogger<PurgeUploadsJob> log)
    : Job
{
    private const int PageSize = 100;

    private readonly UploadPurgingSettings settings = storage.Maintenance.UploadPurging;

    public override string Kind => "purge-uploads";

    public override Lane Lane => Lane.Maintenance;

    public override Schedule Schedule { get; } = Schedule.Every(storage.Maintenance.UploadPurging.Interval);

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        if (settings.Enabled) await PurgeAsync(cancellation);

        // Anything younger may belong to an upload that another node is finishing.
        if (settings is { Enabled: true, DryRun: true }) return;
        await store.RemoveOrphansAsync(
            clock.GetUtcNow() - settings.Age, id => uploads.IsKnownAsync(id, cancellation), cancellation);
    }

    /// <summary>Each page starts after the previous one, so that a dry run, which deletes nothing, ends too.</summary>
    private async Task PurgeAsync(CancellationToken cancellation)
    {
        IdleUpload? last = null;
        while (await table.IdleAsync(settings.Age, last, PageSize, cancellation) is { Count: > 0 } idle)
        {
            foreach (var (id, _) in idle)
            {
                cancellation.ThrowIfCancellationRequested();
                if (settings.DryRun || await uploads.ExpireAsync(id, settings.Age, cancellation))
                {
                    LogExpired(id, settings.DryRun);
                }
            }

            last = idle[^1];
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Upload {Id} expired (dry run: {DryRun})")]
    private partial void LogExpired(UploadId id, bool dryRun);
}
