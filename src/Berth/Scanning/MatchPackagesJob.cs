using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Vulnerabilities;

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

    private (long Time, string Ecosystems)? tried;

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
        var kinds = await database.ReadAsync(VulnerabilityDataTable.KindsAsync, cancellation);
        var wanted = kinds.Select(kind => OsvName.EcosystemOf(kind.Type) ?? kind.Ecosystem)
            .Where(one => one.Length > 0).Distinct().Order(StringComparer.Ordinal).ToList();
        var row = await database.ReadAsync(VulnerabilityDataTable.FindAsync, cancellation);
        if (IsDue(row, wanted)) row = await UpdateAsync(row, wanted, cancellation);
        using var file = data.Open();
        if (file is null || row.Number == 0) return;
        await matching.MatchAsync(file, row.Number, pace, cancellation);
        await matching.CountAsync(pace, cancellation);
    }

    private bool IsDue(VulnerabilityDataRow row, List<string> wanted)
    {
        if (row.CheckedAt == DateTimeOffset.UnixEpoch || row.CheckedAt + settings.Interval <= clock.GetUtcNow())
            return true;
        using var file = data.Open();
        if (file is not null && file.Stamp == row.Stamp && wanted.All(file.Ecosystems.Contains)) return false;

        // Something is missing here, which asking again may not mend.
        return tried is not var (time, ecosystems) || ecosystems != string.Join('\n', wanted)
            || clock.GetElapsedTime(time) > BetweenTrials;
    }

    private async Task<VulnerabilityDataRow> UpdateAsync(
        VulnerabilityDataRow row, List<string> wanted, CancellationToken cancellation)
    {
        tried = (clock.GetTimestamp(), string.Join('\n', wanted));
        var update = await data.UpdateAsync(wanted, cancellation);
        foreach (var source in update.Sources)
        {
            if (source.Fault is { } fault) LogFault(source.Source, fault);
        }

        using var file = data.Open();
        var known = row with
        {
            Number = file is null || file.Stamp == row.Stamp ? row.Number : row.Number + 1,
            Stamp = file?.Stamp ?? row.Stamp,
            BuiltAt = file?.BuiltAt ?? row.BuiltAt,
            CheckedAt = clock.GetUtcNow(),
            Ecosystems = file?.Ecosystems ?? row.Ecosystems,
            Sources = JsonSerializer.Serialize(
                update.Sources, SourceJson.Default.IReadOnlyListVulnerabilitySourceState),
        };
        await database.WriteAsync(
            session => VulnerabilityDataTable.SaveAsync(session, known), isDurable: false, cancellation);
        return known;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Vulnerabilities from {Source} are not up to date: {Fault}")]
    private partial void LogFault(string source, string fault);

    [JsonSerializable(typeof(IReadOnlyList<VulnerabilitySourceState>))]
    private sealed partial class SourceJson : JsonSerializerContext;
}
