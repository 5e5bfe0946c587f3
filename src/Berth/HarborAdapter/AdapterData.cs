using Berth.Metadata;
using Berth.Vulnerabilities;
using Microsoft.Data.Sqlite;

namespace Berth.HarborAdapter;

/// <summary>
/// What is known of vulnerabilities, for images that are not here: what their packages need may not have been brought
/// yet, or only to another node. Then this node brings it, and notes that it is wanted from now on.
/// </summary>
internal sealed partial class AdapterData(
    VulnerabilityData data, Database database, TimeProvider clock, ILogger<AdapterData> log) : IDisposable
{
    /// <summary>How long data is brought after the last image that needs it.</summary>
    public static readonly TimeSpan WantedFor = TimeSpan.FromDays(30);

    /// <summary>How exactly it is noted when it was wanted.</summary>
    private static readonly TimeSpan Precision = TimeSpan.FromDays(1);

    /// <summary>How long sources rest that could not say more.</summary>
    private static readonly TimeSpan BetweenTrials = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim turn = new(1, 1);
    private (long Time, string Wanted)? tried;

    /// <summary>Whether there are any sources.</summary>
    public bool IsConfigured => data.IsConfigured;

    /// <summary>The data, with what is known of some ecosystems.</summary>
    /// <param name="ecosystems">As <see cref="Ecosystems.Normalize"/> has them.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ScanFaultException">There is none.</exception>
    public async Task<VulnerabilityFile> OpenAsync(
        IReadOnlyCollection<string> ecosystems, CancellationToken cancellation)
    {
        await WantAsync(ecosystems, cancellation);
        await turn.WaitAsync(cancellation);
        try
        {
            var stamp = (await database.ReadAsync(VulnerabilityDataTable.FindAsync, cancellation)).Stamp;
            var file = Open();
            if (IsCurrent(file, stamp)) return file!;
            file?.Dispose();
            await UpdateAsync(ecosystems, stamp, cancellation);
            file = Open();

            // Older data of this node is better than none, and as good as it gets for now.
            if (file is not null && ecosystems.All(file.Ecosystems.Contains)) return file;
            file?.Dispose();
            throw new ScanFaultException(
                "the scanner has no data about vulnerabilities of this image yet: scan again in some minutes; its "
                + "operator sees why with berth vulnerabilities");
        }
        finally
        {
            turn.Release();
        }

        bool IsCurrent(VulnerabilityFile? file, string stamp) => file is not null
            && ecosystems.All(file.Ecosystems.Contains) && (stamp.Length == 0 || file.Stamp == stamp);
    }

    public void Dispose() => turn.Dispose();

    private async Task WantAsync(IReadOnlyCollection<string> ecosystems, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        var known = await database.ReadAsync(
            session => AdapterLayerTable.WantedAsync(session, now - Precision), cancellation);
        foreach (var name in ecosystems.Except(known))
        {
            await database.WriteAsync(
                session => AdapterLayerTable.WantAsync(session, name, now, now - Precision), isDurable: false,
                cancellation);
        }
    }

    private async Task UpdateAsync(
        IReadOnlyCollection<string> ecosystems, string stamp, CancellationToken cancellation)
    {
        var kinds = await database.ReadAsync(VulnerabilityDataTable.KindsAsync, cancellation);
        var wanted = kinds.Select(kind => Ecosystems.Normalize(OsvName.EcosystemOf(kind.Type) ?? kind.Ecosystem))
            .OfType<string>().Concat(ecosystems).Distinct().Order(StringComparer.Ordinal).ToList();
        var trial = string.Join('\n', wanted.Prepend(stamp));
        if (tried is var (time, last) && last == trial && clock.GetElapsedTime(time) < BetweenTrials) return;
        tried = (clock.GetTimestamp(), trial);
        try
        {
            foreach (var source in (await data.UpdateAsync(wanted, cancellation)).Sources)
            {
                if (source.Fault is { } fault) LogFault(source.Source, fault);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            LogFault("vulnerabilities.folder", e.Message);
        }
    }

    /// <summary>The node's file; null if there is none, or it is damaged.</summary>
    private VulnerabilityFile? Open()
    {
        try
        {
            return data.Open();
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            LogFault("vulnerabilities.folder", e.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Vulnerabilities from {Source} are not up to date: {Fault}")]
    private partial void LogFault(string source, string fault);
}
