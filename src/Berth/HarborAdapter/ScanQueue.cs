using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Threading.Channels;
using Berth.Access;
using Berth.Import;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>
/// Does the scans that this node was asked for, some of them at once. A scan is a row, so that any node can tell how
/// far it is and give out its reports. What the image is pulled with is in the memory of this node alone, since nothing
/// encrypts what is in the database. So this node does the scan, and says with a lease that it still has it:
/// <code>
/// waiting, held for two minutes, again and again ► done, with reports
///    │                                           ► fault, with words
///    └── the lease has expired: the node died, and whoever asked has to ask again
/// </code>
/// </summary>
internal sealed partial class ScanQueue(
    ImageScan scan, Database database, JobClock times, ScannerAdapterSettings settings, TimeProvider clock,
    ILogger<ScanQueue> log) : BackgroundService
{
    public const string Lost = "the server that scanned it has stopped: scan again";

    private const int IdBytes = 16;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BetweenRenewals = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LongestLastWrite = TimeSpan.FromSeconds(2);

    private readonly Channel<(string Id, ScanRequest Request)> waiting =
        Channel.CreateUnbounded<(string Id, ScanRequest Request)>();

    private readonly ConcurrentDictionary<string, bool> held = new(StringComparer.Ordinal);
    private int count;

    /// <summary>Has an image scanned. Returns what the scan is called; null: there are too many.</summary>
    public async Task<string?> AddAsync(ScanRequest request, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref count) > settings.Queue)
        {
            Interlocked.Decrement(ref count);
            return null;
        }

        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));
        held[id] = true;
        try
        {
            var now = clock.GetUtcNow();
            await database.WriteAsync(
                async session => await AdapterScanTable.AddAsync(
                    session,
                    new AdapterScanRow(
                        id, AdapterScanStates.Waiting, "", now,
                        await times.NowAsync(session) + (long)Lease.TotalMilliseconds, now + settings.Keep),
                    request.Digest.Text),
                isDurable: false, cancellation);
            if (waiting.Writer.TryWrite((id, request))) return id;
        }
        catch
        {
            Remove(id);
            throw;
        }

        Remove(id);
        return null;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        waiting.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
        if (held.IsEmpty) return;
        using var limit = new CancellationTokenSource(LongestLastWrite, TimeProvider.System);
        try
        {
            await FailAsync([.. held.Keys], Lost, limit.Token);
        }
        catch (Exception e) when (e is DatabaseUnavailableException or OperationCanceledException)
        {
            // Their lease expires, which says the same a little later.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(Enumerable.Range(0, settings.Concurrent).Select(_ => WorkAsync(stoppingToken))
            .Append(HoldAsync(stoppingToken)));
    }

    private async Task WorkAsync(CancellationToken stop)
    {
        try
        {
            await foreach (var (id, request) in waiting.Reader.ReadAllAsync(stop))
            {
                try
                {
                    await ScanAsync(id, request, stop);
                    Remove(id);
                }
                catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
                {
                    // It could not be noted how it ended: then its lease says so.
                    Remove(id);
                    LogFailure(request.Digest.Text, e);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The node stops, and StopAsync notes what it still had.
        }
    }

    private async Task ScanAsync(string id, ScanRequest request, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(settings.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        string fault;
        try
        {
            var reports = await scan.RunAsync(request, either.Token);
            await database.WriteAsync(
                session => AdapterScanTable.EndAsync(session, id, reports, clock.GetUtcNow() + settings.Keep),
                isDurable: false, stop);
            return;
        }
        catch (Exception e) when (e is ScanFaultException or SourceException)
        {
            fault = e.Message;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested && limit.IsCancellationRequested)
        {
            fault = $"the scan takes longer than {SettingsText.Write(settings.Timeout)} (scanneradapter.timeout of the "
                + "scanner)";
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            // Something that it waited for has a limit of its own.
            fault = "a step of the scan took too long: scan again, and see the scanner's log if that does not help";
            LogFailure(request.Digest.Text, e);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            fault = "the scanner failed: its log says why";
            LogFailure(request.Digest.Text, e);
        }

        // Some of it is what others wrote.
        fault = PlainText.Of(fault, AdapterError.MaxChars);
        LogFault(request.Digest.Text, fault);
        await FailAsync([id], fault, stop);
    }

    private Task<int> FailAsync(IReadOnlyList<string> ids, string fault, CancellationToken cancellation) =>
        database.WriteAsync(
            session => AdapterScanTable.FailAsync(session, ids, fault, clock.GetUtcNow() + settings.Keep),
            isDurable: false, cancellation);

    /// <summary>Says again and again what this node still has.</summary>
    private async Task HoldAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(BetweenRenewals, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                if (!held.IsEmpty) await HoldOnceAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The node stops.
        }
    }

    private async Task HoldOnceAsync(CancellationToken stop)
    {
        try
        {
            await database.WriteAsync(
                async session => await AdapterScanTable.HoldAsync(
                    session, held.Keys, await times.NowAsync(session) + (long)Lease.TotalMilliseconds),
                isDurable: false, stop);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
        {
            // Whatever it was, it is tried again before the lease ends: else all further scans would look lost.
            LogNotHeld(e.Message);
        }
    }

    private void Remove(string id)
    {
        if (held.TryRemove(id, out _)) Interlocked.Decrement(ref count);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {Digest} was not scanned: {Fault}")]
    private partial void LogFault(string digest, string fault);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The leases of scans were not renewed: {Reason}")]
    private partial void LogNotHeld(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The scan of image {Digest} failed")]
    private partial void LogFailure(string digest, Exception exception);
}
