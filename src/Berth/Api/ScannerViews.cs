using Berth.Metadata;

namespace Berth.Api;

/// <summary>Another scanner that the settings name.</summary>
internal sealed record ScannerView(string Name, string Url, string RegistryUrl)
{
    /// <summary>What it calls itself; null: it never answered.</summary>
    public string? Scanner { get; init; }

    public string? Vendor { get; init; }

    public string? Version { get; init; }

    public DateTimeOffset? DataUpdatedAt { get; init; }

    public DateTimeOffset? AnsweredAt { get; init; }

    public string? Fault { get; init; }
}

/// <summary>What other scanners found in an image.</summary>
internal sealed record ImageScannersView(string Digest, string? Platform, IReadOnlyList<ImageScannerView> Items);

/// <summary>What another scanner found in an image, in numbers.</summary>
/// <param name="State">waiting, known or fault.</param>
internal sealed record ImageScannerView(string Name, string State)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public string? Scanner { get; init; }

    public string? Vendor { get; init; }

    public string? Version { get; init; }

    public DateTimeOffset? ScannedAt { get; init; }

    /// <summary>Null: it is not known.</summary>
    public ScannerCountsView? Counts { get; init; }

    public string? Note { get; init; }

    public string? Fault { get; init; }

    /// <param name="name">The scanner.</param>
    /// <param name="report">Its report; null: it has none yet.</param>
    /// <param name="known">What it says of itself; null: nothing yet.</param>
    /// <param name="isForStaff">Whether it may say what others wrote, who may name what not everybody may know.</param>
    public static ImageScannerView Of(string name, ScannerReportRow? report, ScannerRow? known, bool isForStaff)
    {
        var fault = FaultOf(report, isForStaff) ?? FaultOf(known, isForStaff);
        if (report is not { ScannedAt: { } scannedAt })
        {
            var isLasting = report?.State == ReportStates.Fault
                || (known is not null && fault is not null && IsAway(known));
            return new ImageScannerView(name, isLasting ? "fault" : "waiting") { Fault = fault };
        }

        return new ImageScannerView(name, "known")
        {
            Scanner = TextOf(report.Product),
            Vendor = TextOf(report.Vendor),
            Version = TextOf(report.Version),
            ScannedAt = scannedAt,
            Counts = ScannerCountsView.Of(report.Counts, report.Findings),
            Note = TextOf(report.Note),
            Fault = fault,
        };
    }

    private static string? FaultOf(ScannerReportRow? report, bool isForStaff) =>
        report is not { Fault: { Length: > 0 } fault } ? null
        : isForStaff && report.Detail.Length > 0 ? $"{fault}: {report.Detail}" : fault;

    private static string? FaultOf(ScannerRow? known, bool isForStaff) => known is not { Fault: { Length: > 0 } fault }
        ? null : isForStaff ? fault : "the scanner does not answer as it should: administrators see what is wrong";

    /// <summary>One request that went wrong says nothing: the next is a minute later.</summary>
    private static bool IsAway(ScannerRow known) =>
        known.AnsweredAt is null || known.AskedAt - known.AnsweredAt > Patience;

    private static string? TextOf(string text) => text.Length > 0 ? text : null;
}

/// <summary>How many vulnerabilities a scanner told of, each counted once, at its worst.</summary>
/// <param name="Findings">How many it told of, each in each package.</param>
internal sealed record ScannerCountsView(
    long Critical, long High, long Medium, long Low, long Harmless, long Unknown, long Fixable, long Findings)
{
    public static ScannerCountsView Of(FindingCounts counts, long findings) => new(
        counts.Critical, counts.High, counts.Medium, counts.Low, counts.Harmless, counts.Unknown, counts.Fixable,
        findings);
}

/// <summary>What another scanner found in an image.</summary>
/// <param name="Report">In numbers.</param>
/// <param name="Count">How many there are that were asked for.</param>
internal sealed record ImageScannerFindingsView(
    string Digest, string? Platform, ImageScannerView Report, int Count, IReadOnlyList<ScannerFindingView> Items);

/// <summary>A vulnerability that another scanner found in a package.</summary>
internal sealed record ScannerFindingView(
    string Id, string Name, string Severity, string Package, string Version, string FixedIn)
{
    public decimal? Score { get; init; }

    public IReadOnlyList<string> Links { get; init; } = [];

    public static ScannerFindingView Of(ScannerFindingRow row) => new(
        $"{row.Position}", row.Name, VulnerabilityWords.Of(row.Severity), row.Package, row.Version, row.FixedIn)
    {
        Score = row.Score is { } score ? score / 10m : null,
        Links = row.Links.Split('\n', StringSplitOptions.RemoveEmptyEntries),
    };
}
