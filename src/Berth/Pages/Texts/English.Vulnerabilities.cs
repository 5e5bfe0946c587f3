namespace Berth.Pages;

/// <summary>Pages of vulnerabilities.</summary>
internal partial class English
{
    public virtual string VulnerabilitiesTab => "Vulnerabilities";
    public virtual string VulnerabilitiesOff => "Images are not scanned for vulnerabilities";
    public virtual string VulnerabilitiesOffText =>
        "The registry does so by itself once it is told where data comes from: OSV over the network, or files.";
    public virtual string VulnerabilitiesWait =>
        "The image was not looked into yet: it takes a minute or two after a push.";
    public virtual string VulnerabilitiesFault => "What is installed in the image could not be read.";
    public virtual string VulnerabilitiesMissing => "There may be more:";
    public virtual string SystemEnded(string system, DateOnly day) =>
        $"{system} gets no more fixes since {day:yyyy-MM-dd}: build the image on a newer release.";

    public virtual string AllSeverities => "All";

    public virtual string AtLeast(string severity) => $"{SeverityOf(severity)} or worse";

    public virtual string NoVulnerabilities => "No known vulnerabilities";
    public virtual string NoVulnerabilityFound => "No vulnerability matches these filters.";
    public virtual string FindVulnerability => "Part of a name or package";
    public virtual string OnlyFixable => "With a fix";
    public virtual string Vulnerability => "Vulnerability";
    public virtual string Severity => "Severity";
    public virtual string FixedIn => "Fixed in";
    public virtual string NoFix => "no fix yet";
    public virtual string BroughtBy => "Brought by";
    public virtual string FirstSeen => "First seen";
    public virtual string Exploited => "exploited";
    public virtual string ExploitedText =>
        "It is on the list of vulnerabilities that are known to be exploited (CISA).";
    public virtual string Ransomware => "ransomware";
    public virtual string EpssText => "How likely it is to be exploited within 30 days (FIRST).";
    public virtual string BetterBase => "Another tag of the base image has fewer vulnerabilities:";
    public virtual string HoldersPartial => "Some images have not been scanned yet: there may be more.";
    public virtual string HolderImage => "Image";
    public virtual string HolderSearchHelp =>
        "package: goes before the name of a package, with below: or version: before a version, and vulnerability: "
        + "before the name of a vulnerability.";

    public virtual string HoldersOf(string name) => $"Images with {name}";

    public virtual string Percent(double part) =>
        part.ToString("P1", System.Globalization.CultureInfo.InvariantCulture);

    public virtual string BaseImage => "base image";
    public virtual string UpdateNow => "Update now";
    public virtual string NothingKnownYet => "Nothing is known yet: the first download takes some minutes.";
    public virtual string Sources => "Sources";
    public virtual string LastAsked => "Last checked";
    public virtual string Records => "Records";
    public virtual string FoundLately => "Found in the last week";
    public virtual string AllImages => "All images";
    public virtual string ImagesInUse => "Images in use";
    public virtual string NothingFoundLately => "Nothing new was found.";
    public virtual string VulnerabilitiesGone => "Only in the first image";
    public virtual string VulnerabilitiesAdded => "Only in the second image";
    public virtual string SameVulnerabilities => "Both have the same vulnerabilities.";
    public virtual string VulnerabilitiesNotCompared => "One of the images has not been scanned yet.";

    public virtual string Knows(string what) => $"for {what}";

    public virtual string VulnerabilitiesKept(int count) => $"{Whole(count)} are in both.";

    public virtual string OtherScanners => "Other scanners";
    public virtual string Scanner => "Scanner";
    public virtual string ScannedAt => "Scanned";
    public virtual string BackToVulnerabilities => "All about vulnerabilities of the image";
    public virtual string NothingFoundByScanner => "The scanner found nothing.";

    public virtual string FoundBy(string name) => $"Found by {name}";

    public virtual string ScannerOf(string? scanner, string? version) => $"{scanner} {version}".Trim();

    public virtual string ScannerState(string state) => state == "fault" ? "not known" : "not scanned yet";

    public virtual string ScannerCounts(Berth.Api.ScannerCountsView counts)
    {
        var some = new[]
        {
            ("critical", counts.Critical), ("high", counts.High), ("medium", counts.Medium), ("low", counts.Low),
            ("harmless", counts.Harmless), ("unknown", counts.Unknown),
        }.Where(one => one.Item2 > 0).Select(one => SeverityCount(one.Item1, one.Item2)).ToList();
        return some.Count > 0 ? string.Join(", ", some) : NoVulnerabilities;
    }

    public virtual string DownloadCsv => "Download CSV";
    public virtual string ComparedAt => "Compared with data of";

    public virtual string SeverityOf(string severity) => severity switch
    {
        "critical" => "Critical",
        "high" => "High",
        "medium" => "Medium",
        "low" => "Low",
        "harmless" => "Harmless",
        _ => "Unknown",
    };

    public virtual string SeverityCount(string severity, long count) =>
        $"{Whole(count)} {SeverityOf(severity).ToLowerInvariant()}";

    public virtual string ExploitedCount(long count) => $"{Whole(count)} known to be exploited";

    public virtual string VexOf(string status) => status == "fixed" ? "fixed (VEX)" : "not affected (VEX)";

    public virtual string BetterBaseCounts(long critical, long high, long betterCritical, long betterHigh) =>
        $"has {Whole(betterCritical)} critical and {Whole(betterHigh)} high ones, and this image's base "
        + $"{Whole(critical)} and {Whole(high)}.";
}
