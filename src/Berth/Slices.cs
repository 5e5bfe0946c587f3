using Berth.Access;
using Berth.Attaching;
using Berth.Audit;
using Berth.Api;
using Berth.Backups;
using Berth.Contents;
using Berth.HarborAdapter;
using Berth.Identity;
using Berth.Import;
using Berth.Jobs;
using Berth.Journal;
using Berth.Lifecycle;
using Berth.Pages;
using Berth.Policies;
using Berth.Registry;
using Berth.Scanners;
using Berth.Scanning;
using Berth.Scrubbing;
using Berth.Search;
using Berth.Telemetry;
using Berth.Verifying;
using Berth.Vulnerabilities;

namespace Berth;

/// <summary>
/// All slices there are. What they run in the background starts in this order and stops in the reverse.
/// </summary>
internal static class Slices
{
    public static IReadOnlyList<Slice> All { get; } =
    [
        new AuditSlice(),
        new AccessSlice(),
        new SessionSlice(),
        new ApiSlice(),
        new PagesSlice(),
        new UploadsSlice(),
        new ImagesSlice(),
        new JournalSlice(),
        new JobsSlice(),
        new LifecycleSlice(),
        new ImportSlice(),
        new BackupSlice(),
        new ScrubSlice(),
        new ContentsSlice(),
        new VulnerabilitiesSlice(),
        new ScanningSlice(),
        new ScannersSlice(),
        new HarborAdapterSlice(),
        new VerifyingSlice(),
        new PoliciesSlice(),
        new AttachingSlice(),
        new SearchSlice(),
        new TelemetrySlice(),
    ];
}
