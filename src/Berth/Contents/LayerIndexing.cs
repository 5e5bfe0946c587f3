using System.Diagnostics.Metrics;
using System.Globalization;
using Berth.Blobs;
using Berth.Disk;
using Berth.Metadata;
using Berth.Oci;
using Berth.Packages;
using Berth.Settings;
using Berth.Telemetry;

namespace Berth.Contents;

/// <summary>
/// Lists the files of a layer, and the packages that they list, once:
/// <code>
/// waiting ► begun (attempts + 1) ► walk ► indexed
///                                       ► fault, with words
/// </code>
/// A layer that kills its reader is given up after some attempts, for a day.
/// </summary>
internal sealed partial class LayerIndexing(
    Database database, IBlobStore store, LayerWalk walk, Spools spools, ContentsSettings settings, TimeProvider clock,
    ILogger<LayerIndexing> log) : IDisposable
{
    private const int MaxAttempts = 3;

    private const string GivenUp = "given up at ";

    /// <summary>What killed the reader may be gone then: memory may have been short.</summary>
    private static readonly TimeSpan GivenUpFor = TimeSpan.FromDays(1);

    private static readonly Counter<long> LayersRead = Meters.Berth.CreateCounter<long>(
        "berth.contents.layers", "{layer}", "Layers whose files were listed.");

    private static readonly Counter<long> FaultsFound = Meters.Berth.CreateCounter<long>(
        "berth.contents.faults", "{layer}", "Layers whose files can't be listed: damaged, or beyond a limit.");

    private readonly SemaphoreSlim places = new(settings.Concurrent);

    /// <summary>Whether a list, or the reason why there is none, is still what would be found now.</summary>
    public static bool IsCurrent(LayerIndexRow row, ContentsSettings settings, DateTimeOffset now) => row.State switch
    {
        LayerStates.Fault when row.MadeWith.StartsWith(GivenUp, StringComparison.Ordinal) =>
            now - DateTimeOffset.FromUnixTimeSeconds(
                long.Parse(row.MadeWith.AsSpan(GivenUp.Length), CultureInfo.InvariantCulture)) < GivenUpFor,
        LayerStates.Indexed => row.MadeWith == MarkOf(null, settings),
        LayerStates.Fault => row.MadeWith == MarkOf(row.Fault, settings),
        _ => true,
    };

    /// <exception cref="IOException">The store can't read the blob at present.</exception>
    public async Task RunAsync(Digest digest, CancellationToken cancellation)
    {
        await places.WaitAsync(cancellation);
        try
        {
            await TryAsync(digest, cancellation);
        }
        finally
        {
            places.Release();
        }
    }

    public void Dispose() => places.Dispose();

    private async Task TryAsync(Digest digest, CancellationToken cancellation)
    {
        var attempt = await database.WriteAsync(
            session => LayerIndexTable.BeginAsync(session, digest), isDurable: false, cancellation);
        if (attempt is null)
        {
            await TryPackagesAsync(digest, cancellation);
            return;
        }

        if (attempt > MaxAttempts)
        {
            await NoteFaultAsync(
                digest, $"reading it was given up after {MaxAttempts} attempts",
                string.Create(CultureInfo.InvariantCulture, $"{GivenUp}{clock.GetUtcNow().ToUnixTimeSeconds()}"),
                cancellation);
            return;
        }

        await TryAsync(digest, () => ReadAsync(digest, cancellation));
    }

    /// <summary>Reads the packages of a layer that is listed already, if they have an earlier form.</summary>
    private async Task TryPackagesAsync(Digest digest, CancellationToken cancellation)
    {
        var attempt = await database.WriteAsync(
            session => LayerIndexTable.BeginPackagesAsync(session, digest, PackageList.Form), isDurable: false,
            cancellation);
        if (attempt is null) return;
        if (attempt > MaxAttempts)
        {
            var fault = new PackageList([], $"reading the packages was given up after {MaxAttempts} attempts");
            await EndPackagesAsync(digest, fault.Write(), cancellation);
            return;
        }

        await TryAsync(digest, () => ReadPackagesAsync(digest, cancellation));
    }

    /// <summary>Takes an attempt back that failed through no fault of the layer.</summary>
    private async Task TryAsync(Digest digest, Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or UnauthorizedAccessException)
        {
            // What is wrong with the layer itself is an answer of the walk. This is the store's, or the disk's.
            await WriteAsync(
                session => LayerIndexTable.TakeBackAsync(session, digest, clock.GetUtcNow()), CancellationToken.None);
            throw;
        }
    }

    private async Task ReadAsync(Digest digest, CancellationToken cancellation)
    {
        using var content = await OpenAsync(digest, cancellation);
        if (content is null) return;
        using var index = new LayerIndexWriter(settings);
        using var packages = new LayerPackages(spools, cancellation);
        if (await walk.RunAsync(content, [index, packages], cancellation) is { } fault)
        {
            await NoteFaultAsync(digest, fault, MarkOf(fault, settings), cancellation);
            return;
        }

        var row = new LayerIndexRow(digest, LayerStates.Indexed, IsWanted: false, MarkOf(null, settings))
        {
            Entries = index.Entries,
            FileBytes = index.FileBytes,
        };
        var (list, installed) = (index.Finish(), packages.Finish());
        await WriteAsync(
            session => LayerIndexTable.EndAsync(session, row, list, installed, PackageList.Form), cancellation);
        LayersRead.Add(1);
    }

    /// <summary>The layer's blob. If it is not there, it is going, or a push is to bring it back: the layer is
    /// forgotten, and whoever asks then notes it again.</summary>
    private async Task<BlobContent?> OpenAsync(Digest digest, CancellationToken cancellation)
    {
        var content = await store.OpenAsync(digest, cancellation);
        if (content is null)
            await WriteAsync(session => LayerIndexTable.RemoveAsync(session, [digest]), cancellation);
        return content;
    }

    private async Task ReadPackagesAsync(Digest digest, CancellationToken cancellation)
    {
        using var content = await OpenAsync(digest, cancellation);
        if (content is null) return;
        using var packages = new LayerPackages(spools, cancellation);
        var list = await walk.RunAsync(content, [packages], cancellation) is { } fault
            ? new PackageList([], fault).Write() : packages.Finish();
        await EndPackagesAsync(digest, list, cancellation);
    }

    private Task<int> EndPackagesAsync(Digest digest, byte[]? packages, CancellationToken cancellation) => WriteAsync(
        session => LayerIndexTable.EndPackagesAsync(session, digest, packages, PackageList.Form), cancellation);

    private async Task NoteFaultAsync(Digest digest, string fault, string madeWith, CancellationToken cancellation)
    {
        var row = new LayerIndexRow(digest, LayerStates.Fault, IsWanted: false, madeWith)
        {
            Fault = fault,
        };
        await WriteAsync(session => LayerIndexTable.EndAsync(session, row, content: null), cancellation);
        FaultsFound.Add(1);
        LogFault(digest, fault);
    }

    private Task<int> WriteAsync(Func<Session, ValueTask<int>> change, CancellationToken cancellation) =>
        database.WriteAsync(change, isDurable: false, cancellation);

    /// <summary>A fault may go with other limits; a list does not change with them.</summary>
    private static string MarkOf(string? fault, ContentsSettings limits) => fault is null
        ? $"{LayerIndexWriter.Form}"
        : string.Join(
            ' ', LayerIndexWriter.Form, limits.LayerBytes, limits.Entries, limits.PathBytes, limits.Ratio,
            (long)limits.Time.TotalSeconds, limits.IndexBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "The files of layer {Digest} can't be listed: {Fault}")]
    private partial void LogFault(Digest digest, string fault);
}
