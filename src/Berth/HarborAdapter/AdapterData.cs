using Berth.Metadata;
using Berth.Vulnerabilities;
using Microsoft.Data.Sqlite;

namespace Berth.HarborAdapter;

/// <summary>
/// What is known of vulnerabilities, for images that are not here: what their packages need may not have been brought
/// yet, or only to another node. Then this node brings it, and notes that it is wanted from now on. Whoever makes an
/// image writes into it which release of a distribution it is, and may invent one: each scan of such an image wants
/// something that nobody has, and must not keep the others waiting.
/// </summary>
internal sealed partial class AdapterData(
    VulnerabilityData data, Database database, TimeProvider clock, ILogger<AdapterData> log) : IDisposable
{
    /// <summary>More than twice as long as the names of ecosystems are.</summary>
    private const int MaxNameChars = 100;

    /// <summary>How exactly it is noted when data was wanted.</summary>
    private static readonly TimeSpan Precision = TimeSpan.FromDays(1);

    /// <summary>How long sources rest, whatever is wanted next. The job match-packages brings it before that.</summary>
    private static readonly TimeSpan BetweenTrials = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim turn = new(1, 1);
    private long? tried;

    /// <summary>Whether there are any sources.</summary>
    public bool IsConfigured => data.IsConfigured;

    /// <summary>The data, with what is known of some ecosystems.</summary>
    /// <param name="ecosystems">As <see cref="Ecosystems.Normalize"/> has them.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ScanFaultException">There is none.</exception>
    public async Task<VulnerabilityFile> OpenAsync(
        IReadOnlyCollection<string> ecosystems, CancellationToken cancellation)
    {
        var needed = ecosystems.Where(name => name.Length <= MaxNameChars).ToList();
        await WantAsync(WithoutVain(needed), cancellation);
        if (await OpenCurrentAsync(needed, cancellation) is { } current) return current;
        if (!await turn.WaitAsync(0, cancellation))
        {
            // Another scan has data made, which may take long: what is there will do meanwhile.
            if (OpenWith(needed) is { } older) return older;
            await turn.WaitAsync(cancellation);
        }

        try
        {
            // Whoever had the turn before may have brought it.
            if (await OpenCurrentAsync(needed, cancellation) is { } brought) return brought;
            await UpdateAsync(needed, cancellation);

            // Older data of this node is better than none, and as good as it gets for now.
            return OpenWith(needed) ?? throw new ScanFaultException(
                "the scanner has no data about vulnerabilities of this image yet: scan again in some minutes; its "
                + "operator sees why with berth vulnerabilities");
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    /// <summary>The file, if it is the newest, and made for these ecosystems.</summary>
    private async Task<VulnerabilityFile?> OpenCurrentAsync(List<string> needed, CancellationToken cancellation)
    {
        var stamp = (await database.ReadAsync(VulnerabilityDataTable.FindAsync, cancellation)).Stamp;
        var file = OpenWith(needed);
        if (file is null || stamp.Length == 0 || file.Stamp == stamp) return file;
        file.Dispose();
        return null;
    }

    /// <summary>The file, if it was made for these ecosystems.</summary>
    private VulnerabilityFile? OpenWith(List<string> needed)
    {
        var file = Open();
        if (file is null || needed.All(file.Ecosystems.Contains)) return file;
        file.Dispose();
        return null;
    }

    /// <summary>Without those that the sources were asked for, and have nothing about.</summary>
    private List<string> WithoutVain(List<string> needed)
    {
        using var file = Open();
        return file is null ? needed
            : [.. needed.Where(name => file.Covered.Contains(name) || !file.Ecosystems.Contains(name))];
    }

    private async Task WantAsync(List<string> ecosystems, CancellationToken cancellation)
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

    /// <summary>Brings what all want, unless that was tried a moment ago.</summary>
    private async Task UpdateAsync(List<string> needed, CancellationToken cancellation)
    {
        if (tried is { } time && clock.GetElapsedTime(time) < BetweenTrials) return;
        tried = clock.GetTimestamp();
        var kinds = await database.ReadAsync(
            session => VulnerabilityDataTable.KindsAsync(session, clock.GetUtcNow()), cancellation);
        var wanted = kinds.Select(kind => Ecosystems.Normalize(OsvName.EcosystemOf(kind.Type) ?? kind.Ecosystem))
            .OfType<string>().Concat(needed).Distinct().Order(StringComparer.Ordinal).ToList();
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
    private VulnerabilityFile? Open() => data.Open(fault => LogFault("vulnerabilities.folder", fault));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Vulnerabilities from {Source} are not up to date: {Fault}")]
    private partial void LogFault(string source, string fault);
}
