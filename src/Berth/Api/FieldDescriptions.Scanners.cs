namespace Berth.Api;

/// <content>Other scanners.</content>
internal static partial class FieldDescriptions
{
    private static readonly Dictionary<string, string> OfScanners = new(StringComparer.Ordinal)
    {
        ["ScannerView.name"] = "As the settings name it.",
        ["ScannerView.url"] = "Where its adapter is.",
        ["ScannerView.registryUrl"] = "Where it finds this registry.",
        ["scanner"] = "What the scanner calls itself; absent: that is not known.",
        ["vendor"] = "Whose it is.",
        ["ScannerView.version"] = "Its version.",
        ["ScannerView.dataUpdatedAt"] = "How old its data is; absent: it does not say.",
        ["ScannerView.answeredAt"] = "When it last answered as it should; absent: never.",
        ["ScannerView.fault"] = "What is wrong with it; absent: nothing.",
        ["ImageScannersView.digest"] = "The image's manifest.",
        ["ImageScannersView.platform"] = "Its platform; absent: it was not found through an index.",
        ["ImageScannersView.items"] = "What each scanner of the settings found, in their order.",
        ["ImageScannerView.name"] = "As the settings name the scanner.",
        ["ImageScannerView.state"] = "known; waiting: it did not scan the image yet; fault: it could not.",
        ["ImageScannerView.version"] = "The version that scanned the image.",
        ["ImageScannerView.scannedAt"] = "When it did; absent: never.",
        ["ImageScannerView.counts"] = "How many it found; absent: that is not known.",
        ["ImageScannerView.note"] = "What is not in the list; absent: all is.",
        ["ImageScannerView.fault"] = "What went wrong lately: what is known is of an earlier scan; absent: nothing. "
            + "Staff are also told what the scanner says.",
        ["ScannerCountsView.critical"] = "How many are critical.",
        ["ScannerCountsView.high"] = "How many are high.",
        ["ScannerCountsView.medium"] = "How many are medium.",
        ["ScannerCountsView.low"] = "How many are low.",
        ["ScannerCountsView.harmless"] = "How many are negligible.",
        ["ScannerCountsView.unknown"] = "How many there are of which it does not say how bad they are.",
        ["ScannerCountsView.fixable"] = "How many have a fix.",
        ["ScannerCountsView.findings"] = "How many it told of, each in each package that has it.",
        ["ImageScannerFindingsView.digest"] = "The image's manifest.",
        ["ImageScannerFindingsView.platform"] = "Its platform; absent: it was not found through an index.",
        ["ImageScannerFindingsView.report"] = "The scan that found them.",
        ["ImageScannerFindingsView.count"] = "How many were asked for, on all pages.",
        ["ImageScannerFindingsView.items"] = "Those, the worst first: each with each package that has it.",
        ["ScannerFindingView.id"] = "What this list calls it.",
        ["ScannerFindingView.name"] = "What the scanner calls it: its CVE, as a rule.",
        ["ScannerFindingView.package"] = "The package.",
        ["ScannerFindingView.version"] = "Its version.",
        ["ScannerFindingView.score"] = "From 0 to 10 (CVSS); absent: the scanner does not say.",
        ["links"] = "Pages about it that the scanner names: at most five.",
        ["scanners?q"] = "A part of the name of the vulnerability or its package, in whatever case.",
        ["{name}?q"] = "A part of the name of the vulnerability or its package, in whatever case.",
    };
}
