using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Scanners;

/// <summary>
/// Has images scanned by one scanner, and asks for its reports. All that is known of a scan is in the database, so that
/// any node goes on with it:
/// <code>
/// pushed, a day over, other data ► due ► asked for (POST) ► running ► report asked for ► 200: read
///                                   ▲                          ▲             │ 302: later
///                                   │                          └─────────────┤
///                                   └──────────── later, with its fault ◄────┘ refused, too late, nonsense
/// </code>
/// </summary>
internal sealed partial class ScannerTurns(
    ScannerAdapter adapter, string registryUrl, Database database, AccessTokens tokens, TimeProvider clock,
    ILogger<ScannerTurns> log) : IDisposable
{
    /// <summary>So many rows are written at once: others wait for that.</summary>
    private const int RowsPerWrite = 200;

    /// <summary>How often in a row a report may not be had before the scan is given up.</summary>
    private const int MaxMisses = 3;

    private const int MaxFaultChars = 500;

    /// <summary>Whoever waits for the same place among the jobs gets it then.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMinutes(2);

    /// <summary>How often it looks at once whether a report is due.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(5);

    /// <summary>When an image is scanned again after a fault: twice as long each time.</summary>
    private static readonly TimeSpan AfterFault = TimeSpan.FromMinutes(10);

    /// <summary>What the token outlasts the scan by.</summary>
    private static readonly TimeSpan TokenRest = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim turns = new(1, 1);

    /// <summary>The image up to which all are noted, by this process.</summary>
    private long noted;

    private string hastened = "";

    private ScannerSettings Settings => adapter.Settings;

    public string Name => Settings.Name;

    public void Dispose()
    {
        adapter.Dispose();
        turns.Dispose();
    }

    /// <summary>Looks again for images that nobody has noted, whatever their number.</summary>
    public void Forget() => (noted, hastened) = (0, "");

    /// <summary>Does what is due, and waits a while for reports.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        // A run that lost its lease may still be there, and no image is to be scanned twice.
        await turns.WaitAsync(cancellation);
        try
        {
            await RunAloneAsync(cancellation);
        }
        finally
        {
            turns.Release();
        }
    }

    private async Task RunAloneAsync(CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        await AddMissingAsync(cancellation);
        if (await AskAsync(cancellation) is not { } metadata) return;
        if (hastened != metadata.Stamp)
        {
            while (await WriteAsync(
                session => ScannerReportTable.HastenAsync(
                    session, Name, metadata.Stamp, clock.GetUtcNow(), RowsPerWrite),
                cancellation) > 0)
            {
            }

            hastened = metadata.Stamp;
        }

        while (clock.GetElapsedTime(began) < LongestTurn)
        {
            if (await PollNextAsync(metadata, cancellation)) continue;
            try
            {
                if (await BeginNextAsync(metadata, cancellation)) continue;
            }
            catch (ScannerException e)
            {
                // It is away: the other images are to find that out only once.
                LogScanner(Name, e.Whole);
                return;
            }

            if (await ReadAsync(session => ScannerReportTable.NextPollAsync(session, Name), cancellation)
                is not { } next)
            {
                return;
            }

            var wait = next - clock.GetUtcNow();
            if (wait > BetweenLooks) wait = BetweenLooks;
            if (wait > TimeSpan.Zero) await Task.Delay(wait, clock, cancellation);
            await AddMissingAsync(cancellation);
        }
    }

    private async Task AddMissingAsync(CancellationToken cancellation)
    {
        for (long? last = noted; last is { } from;)
        {
            noted = from;
            last = await database.WriteAsync(
                session => ScannerReportTable.AddMissingAsync(session, Name, from, RowsPerWrite),
                isDurable: false, cancellation);
        }
    }

    /// <summary>What the scanner is; null if it does not say, which is noted.</summary>
    private async Task<ScannerMetadata?> AskAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var known = await ReadAsync(session => ScannerTable.FindAsync(session, Name), cancellation)
            ?? new ScannerRow(Name, "", "", "", null, "", now, null, "");
        try
        {
            var found = await adapter.AskAsync(cancellation);
            await WriteAsync(
                session => ScannerTable.SaveAsync(session, new ScannerRow(
                    Name, found.Product, found.Vendor, found.Version, found.DataUpdatedAt, found.Stamp, now, now, "")),
                cancellation);
            return found;
        }
        catch (ScannerException e)
        {
            if (known.Fault != e.Whole) LogScanner(Name, e.Whole);
            await WriteAsync(
                session => ScannerTable.SaveAsync(session, known with { AskedAt = now, Fault = Cut(e.Whole) }),
                cancellation);
            return null;
        }
    }

    /// <summary>Asks for the report that is due longest. False if none is.</summary>
    private async Task<bool> PollNextAsync(ScannerMetadata metadata, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var turn = await ReadAsync(
            session => ScannerReportTable.NextRunningAsync(session, Name, now), cancellation);
        if (turn is null) return false;

        // Nobody may have asked for a while: then the report may be there all the same.
        var isLate = now - turn.BegunAt > Settings.ScanTimeout;
        try
        {
            var (body, wait) = await adapter.ReportAsync(turn.Request, metadata.Produces, cancellation);
            if (body is null && isLate)
            {
                throw new ScannerException(
                    $"it did not scan the image within {SettingsText.Write(Settings.ScanTimeout)}");
            }

            if (body is null) await PostponeAsync(turn, wait, 0, cancellation);
            else await EndAsync(turn, ScannerReport.Parse(body, turn.Image), metadata, cancellation);
        }
        catch (ScannerException e) when (e.IsTransient && turn.Misses + 1 < MaxMisses)
        {
            await PostponeAsync(turn, ScannerAdapter.ShortestWait * (turn.Misses + 1), turn.Misses + 1, cancellation);
        }
        catch (ScannerException e)
        {
            await FailAsync(turn, e, cancellation);
        }

        return true;
    }

    /// <summary>Has the image scanned that is due longest. False if none is, or enough are being scanned.</summary>
    /// <exception cref="ScannerException">The scanner is away, which is no fault of the image.</exception>
    private async Task<bool> BeginNextAsync(ScannerMetadata metadata, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var (running, turn) = await ReadAsync(
            async session => (await ScannerReportTable.RunningAsync(session, Name),
                await ScannerReportTable.NextAsync(session, Name, now)),
            cancellation);
        if (turn is null || running >= Settings.Concurrent) return false;
        if (await ReadAsync(session => ScannerReportTable.PlaceOfAsync(session, turn.Image), cancellation)
            is not var (repository, mediaType))
        {
            // It is in the trash, or just leaves.
            await PostponeAsync(
                turn, Settings.Interval < AfterFault ? Settings.Interval : AfterFault, 0, cancellation);
            return true;
        }

        try
        {
            if (metadata.Consumes.Count > 0 && !metadata.Consumes.Contains(mediaType, StringComparer.Ordinal))
                throw new ScannerException($"it scans no {mediaType}");
            var token = await tokens.IssueToScannerAsync(
                Name, new AccessScope("repository", repository, AccessAction.Pull), Settings.ScanTimeout + TokenRest,
                cancellation);
            var request = await adapter.BeginAsync(
                ScannerJson.WriteRequest(
                    registryUrl, token, repository, turn.Image, mediaType,
                    metadata.HasKinds ? metadata.Produces : null),
                metadata.HasKinds ? ScannerJson.Request : ScannerJson.OldRequest, cancellation);
            if (await WriteAsync(
                session => ScannerReportTable.BeginAsync(
                    session, turn.Id, request, metadata.Stamp, now, now + ScannerAdapter.ShortestWait),
                cancellation) == 0)
            {
                throw new ScannerException("it gave two scans that run the same id");
            }
        }
        catch (ScannerException e) when (e.IsTransient && turn.Misses + 1 < MaxMisses)
        {
            await PostponeAsync(turn, ScannerAdapter.ShortestWait, turn.Misses + 1, cancellation);
            throw;
        }
        catch (ScannerException e)
        {
            await FailAsync(turn, e, cancellation);
        }

        return true;
    }

    private async Task EndAsync(
        ScanTurn turn, ScannerReport report, ScannerMetadata metadata, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var row = new ScannerReportRow(turn.Id, Name, ReportStates.Read)
        {
            ScannedAt = now,
            Product = report.Product.Length > 0 ? report.Product : metadata.Product,
            Vendor = report.Vendor.Length > 0 ? report.Vendor : metadata.Vendor,
            Version = report.Version.Length > 0 ? report.Version : metadata.Version,
            Note = report.Note,
            Findings = report.Count,
            Counts = report.Counts,
        };
        var findings = report.Findings;
        await database.WriteAsync(
            async session =>
            {
                await ScannerReportTable.EndAsync(session, row, findings, now + Settings.Interval);
                return true;
            },
            isDurable: false, cancellation);
    }

    private async Task FailAsync(ScanTurn turn, ScannerException fault, CancellationToken cancellation)
    {
        LogImage(Name, turn.Image, fault.Whole);
        var wait = AfterFault * Math.Pow(2, Math.Min(turn.Attempts, 10));
        var until = clock.GetUtcNow() + (wait < Settings.Interval ? wait : Settings.Interval);
        await WriteAsync(
            session => ScannerReportTable.FailAsync(
                session, turn.Id, Cut(fault.Message), Cut(fault.Detail), until),
            cancellation);
    }

    private Task<int> PostponeAsync(ScanTurn turn, TimeSpan wait, long misses, CancellationToken cancellation) =>
        WriteAsync(
            session => ScannerReportTable.PostponeAsync(session, turn.Id, clock.GetUtcNow() + wait, misses),
            cancellation);

    private static string Cut(string text) => PlainText.Of(text, MaxFaultChars);

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);

    private ValueTask<T> ReadAsync<T>(Func<Session, ValueTask<T>> read, CancellationToken cancellation) =>
        database.ReadAsync(read, cancellation);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Scanner {Name} is of no use: {Fault}")]
    private partial void LogScanner(string name, string fault);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Scanner {Name} did not scan image {Digest}: {Fault}")]
    private partial void LogImage(string name, Digest digest, string fault);
}
