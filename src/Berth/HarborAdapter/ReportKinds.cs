using Berth.Sbom;
using Berth.Scanners;

namespace Berth.HarborAdapter;

/// <summary>The kinds of reports that scans make, and what Harbor's scanner API calls them.</summary>
internal static class ReportKinds
{
    /// <summary>What is known of vulnerabilities. All others are the media types of bills of materials.</summary>
    public const string Vulnerabilities = ScannerMetadata.Vulnerabilities;

    /// <summary>What can be done: bills of materials.</summary>
    public const string Sbom = "sbom";

    public const string SbomReport = "application/vnd.security.sbom.report+json; version=1.0";

    public const string Metadata = "application/vnd.scanner.adapter.metadata+json; version=1.1";

    /// <summary>What Harbor asks for.</summary>
    public const string OldMetadata = "application/vnd.scanner.adapter.metadata+json; version=1.0";

    public const string Accepted = "application/vnd.scanner.adapter.scan.response+json; version=1.0";

    public const string Error = "application/vnd.scanner.adapter.error+json; version=1.0";

    /// <summary>The media types of bills of materials.</summary>
    public static IReadOnlyList<string> Sboms { get; } = [.. SbomFormat.All.Select(format => format.MediaType)];

    /// <summary>The media types of reports about vulnerabilities, which all have the same form.</summary>
    public static IReadOnlyList<string> VulnerabilityReports { get; } = [ScannerJson.Report, ScannerJson.OldReport];

    public static IReadOnlyList<string> All { get; } = [Vulnerabilities, .. Sboms];

    /// <summary>The one of some media types that a header names; null if it names none, and the first if it names
    /// any or is missing.</summary>
    public static string? Find(string header, IReadOnlyList<string> types)
    {
        if (header.Length == 0) return types[0];
        foreach (var wanted in header.Split(',').Select(Plain))
        {
            if (wanted is "*/*" or "application/*") return types[0];

            // Without a version, any will do.
            var found = types.FirstOrDefault(type => Plain(type) == wanted || Plain(type).Split(';')[0] == wanted);
            if (found is not null) return found;
        }

        return null;
    }

    /// <summary>Whether two media types are the same, however they are written.</summary>
    public static bool IsSame(string one, string other) => Plain(one) == Plain(other);

    /// <summary>Without what is not part of the type itself.</summary>
    private static string Plain(string type) => string.Join(';', type.Split(';')
        .Select(part => part.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant())
        .Where((part, i) => i == 0 || part.StartsWith("version=", StringComparison.Ordinal)));
}
