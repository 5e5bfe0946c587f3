using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Vulnerabilities;
using Microsoft.Data.Sqlite;

namespace Berth.Scanning;

/// <summary>
/// Asks the sources of vulnerabilities for what is new, when that is due, and compares packages with it: those that
/// came since, or all if it moved. Any node may run it: each has a file of its own, made when it needs one.
/// </summary>
internal sealed partial class MatchPackagesJob(
    VulnerabilityData data, PackageMatching matching, Database database, VulnerabilitySettings settings,
    TimeProvider clock, ILogger<MatchPackagesJob> log) : Job
{
    public const string Name = "match-packages";

    private const double Share = 0.5;

    /// <summary>How long sources rest that could not be asked, or that others have other things from.</summary>
    private static readonly TimeSpan BetweenTrials = TimeSpan.FromMinutes(10);

    /// <summary>How often packages are looked for that no image has any more.</summary>
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromHours(1);

    private (long Time, string Ecosystems)? tried;
    private long? swept;

    public override string Kind => Name;

    public override Lane Lane => Lane.Heavy;

    public override Schedule Schedule { get; } = Schedule.Every(TimeSpan.FromMinutes(1));

    public override TimeSpan TimeLimit => TimeSpan.FromHours(6);

    /// <summary>How it last went with each source.</summary>
    public static IReadOnlyList<VulnerabilitySourceState> SourcesOf(VulnerabilityDataRow row) =>
        JsonSerializer.Deserialize(row.Sources, SourceJson.Default.IReadOnlyListVulnerabilitySourceState) ?? [];

    public override async Task RunAsync(string payload, CancellationToken cancellation)
    {
        var pace = new Pace(Share, clock);
        var kinds = await database.ReadAsync(
            session => VulnerabilityDataTable.KindsAsync(session, clock.GetUtcNow()), cancellation);
        var wanted = kinds.Select(kind => Ecosystems.Normalize(OsvName.EcosystemOf(kind.Type) ?? kind.Ecosystem))
            .OfType<string>().Distinct().Order(StringComparer.Ordinal).ToList();
        var row = await database.ReadAsync(VulnerabilityDataTable.FindAsync, cancellation);
        if (IsDue(row, wanted)) row = await UpdateAsync(row, wanted, cancellation);
        if (swept is null || clock.GetElapsedTime(swept.Value) > BetweenSweeps)
        {
            await matching.RemoveUnusedAsync(cancellation);
            swept = clock.GetTimestamp();
        }

        // Another node may have newer data than this one.
        using var file = Open();
        if (file is null || file.Stamp != row.Stamp) return;
        await matching.MatchAsync(file, row.Number, pace, cancellation);
        await matching.CountAsync(pace, cancellation);
    }

    private bool IsDue(VulnerabilityDataRow row, List<string> wanted)
    {
        if (row.CheckedAt == DateTimeOffset.UnixEpoch || row.CheckedAt + settings.Interval <= clock.GetUtcNow())
            return true;
        using var file = Open();
        if (file is not null && file.Stamp == row.Stamp && wanted.All(file.Ecosystems.Contains)) return false;

        // Something is missing here, which asking again may not mend.
        return tried is not var (time, ecosystems) || ecosystems != string.Join('\n', wanted)
            || clock.GetElapsedTime(time) > BetweenTrials;
    }

    private async Task<VulnerabilityDataRow> UpdateAsync(
        VulnerabilityDataRow row, List<string> wanted, CancellationToken cancellation)
    {
        tried = (clock.GetTimestamp(), string.Join('\n', wanted));
        var sources = await BringAsync(wanted, cancellation);
        foreach (var source in sources)
        {
            if (source.Fault is { } fault) LogFault(source.Source, fault);
        }

        using var file = Open();
        var known = row with
        {
            CheckedAt = clock.GetUtcNow(),
            Sources = JsonSerializer.Serialize(sources, SourceJson.Default.IReadOnlyListVulnerabilitySourceState),
        };
        if (file is not null && file.Stamp != row.Stamp && IsNewer(sources, SourcesOf(row)))
        {
            known = known with
            {
                Number = row.Number + 1,
                Stamp = file.Stamp,
                BuiltAt = file.BuiltAt,
                Ecosystems = file.Covered,
                Ends = file.Ends,
            };
        }

        await database.WriteAsync(
            session => VulnerabilityDataTable.SaveAsync(session, known), isDurable: false, cancellation);
        return known;
    }

    /// <summary>Brings what is new. If that can't be kept here, what was there before goes on being used.</summary>
    private async Task<IReadOnlyList<VulnerabilitySourceState>> BringAsync(
        List<string> wanted, CancellationToken cancellation)
    {
        try
        {
            return (await data.UpdateAsync(wanted, cancellation)).Sources;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
        {
            var fault = $"the node's copy can't be written: {e.Message}";
            return [new VulnerabilitySourceState("vulnerabilities.folder", clock.GetUtcNow(), null, 0, fault)];
        }
    }

    /// <summary>Whether a source that this node reached in vain was not reached by the node whose data is in use.
    /// </summary>
    private static bool IsNewer(
        IReadOnlyList<VulnerabilitySourceState> own, IReadOnlyList<VulnerabilitySourceState> used) =>
        own.All(source => source.Fault is null || used.FirstOrDefault(one => one.Source == source.Source)
            is not { ModifiedAt: { } theirs } || source.ModifiedAt >= theirs);

    /// <summary>The node's file; null if there is none, or it is damaged.</summary>
    private VulnerabilityFile? Open() => data.Open(fault => LogFault("vulnerabilities.folder", fault));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Vulnerabilities from {Source} are not up to date: {Fault}")]
    private partial void LogFault(string source, string fault);

    [JsonSerializable(typeof(IReadOnlyList<VulnerabilitySourceState>))]
    private sealed partial class SourceJson : JsonSerializerContext;
}
