using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Metadata;
using Berth.Packages;
using Berth.Sbom;
using Berth.Vulnerabilities;

namespace Berth.HarborAdapter;

/// <summary>A vulnerability of a package in an image.</summary>
/// <param name="Package">The package.</param>
/// <param name="Version">Its version.</param>
/// <param name="Finding">What the vulnerability means for it.</param>
/// <param name="About">What it is.</param>
internal sealed record ReportedFinding(string Package, string Version, FindingRow Finding, VulnerabilityRow About);

/// <summary>Writes reports as Harbor's scanner API has them.</summary>
internal static class ScanReports
{
    private const int FlushBytes = 64 << 10;
    private const int MaxLinks = 5;

    // What is written is sent as a file, never as part of a page.
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Berth's version.</summary>
    public static string Version { get; } =
        typeof(ScanReports).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>What is known of vulnerabilities, the worst first.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="findings">What was found.</param>
    /// <param name="now">The time.</param>
    /// <param name="maxBytes">The largest report.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ScanFaultException">It is too large.</exception>
    public static byte[] WriteVulnerabilities(
        ScanRequest request, IEnumerable<ReportedFinding> findings, DateTimeOffset now, long maxBytes,
        CancellationToken cancellation)
    {
        var sorted = findings.OrderByDescending(one => one.Finding.Severity)
            .ThenBy(one => one.Finding.Name, StringComparer.Ordinal)
            .ThenBy(one => one.Package, StringComparer.Ordinal)
            .ThenBy(one => one.Version, StringComparer.Ordinal).ToList();
        using var output = new ReportStream(maxBytes);
        using (var json = new Utf8JsonWriter(output, Relaxed))
        {
            WriteHead(json, request, now);
            json.WriteString("severity", WordOf(sorted.Count == 0 ? -1 : sorted[0].Finding.Severity));
            json.WriteStartArray("vulnerabilities");
            foreach (var one in sorted)
            {
                cancellation.ThrowIfCancellationRequested();
                Write(json, one);
                if (json.BytesPending > FlushBytes) json.Flush();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return output.Finish();
    }

    /// <summary>A bill of materials.</summary>
    /// <param name="request">What was asked for.</param>
    /// <param name="installed">What is in the image.</param>
    /// <param name="format">The format.</param>
    /// <param name="now">The time.</param>
    /// <param name="maxBytes">The largest report.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ScanFaultException">It is too large.</exception>
    public static async Task<byte[]> WriteSbomAsync(
        ScanRequest request, InstalledPackages installed, SbomFormat format, DateTimeOffset now, long maxBytes,
        CancellationToken cancellation)
    {
        await using var output = new ReportStream(maxBytes);
        await using (var json = new Utf8JsonWriter(output, Relaxed))
        {
            WriteHead(json, request, now);
            json.WriteString("media_type", format.MediaType);
            await json.FlushAsync(cancellation);
        }

        output.Write(",\"sbom\":"u8);
        var subject = new SbomSubject(
            request.Repository, request.Digest, request.Tag.Length > 0 ? request.Tag : null, request.Registry.Host,
            now);
        await format.WriteAsync(subject, installed, output, cancellation);
        output.Write("}"u8);
        return output.Finish();
    }

    /// <summary>What makes the reports.</summary>
    public static void WriteScanner(Utf8JsonWriter json)
    {
        json.WriteStartObject("scanner");
        json.WriteString("name", "Berth");
        json.WriteString("vendor", "Berth");
        json.WriteString("version", Version);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, ScanRequest request, DateTimeOffset now)
    {
        json.WriteStartObject();
        json.WriteString("generated_at", now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", null));
        json.WriteStartObject("artifact");
        json.WriteString("repository", request.Repository.Text);
        json.WriteString("digest", request.Digest.Text);
        if (request.Tag.Length > 0) json.WriteString("tag", request.Tag);
        if (request.MediaType.Length > 0) json.WriteString("mime_type", request.MediaType);
        json.WriteEndObject();
        WriteScanner(json);
    }

    private static void Write(Utf8JsonWriter json, ReportedFinding one)
    {
        var finding = one.Finding;
        json.WriteStartObject();
        json.WriteString("id", finding.Name);
        json.WriteString("package", one.Package);
        json.WriteString("version", one.Version);
        json.WriteString("fix_version", finding.FixedIn);
        json.WriteString("severity", WordOf(finding.Severity));
        json.WriteString("description", one.About.Summary);
        json.WriteStartArray("links");
        foreach (var link in LinksOf(one)) json.WriteStringValue(link);
        json.WriteEndArray();
        if (finding is { Score: { } tenths, Vector.Length: > 0 }) WriteScore(json, tenths, finding.Vector);

        // Of weaknesses (CWE) nothing is known here.
        json.WriteStartArray("cwe_ids");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The preferred score, and the same as other scanners have it, where version 4 has a place.</summary>
    private static void WriteScore(Utf8JsonWriter json, long tenths, string vector)
    {
        var score = tenths / 10m;
        var (number, name) = Cvss.Score(vector)?.Version switch
        {
            "4.0" => (4, "V40"),
            "2.0" => (2, "V2"),
            _ => (3, "V3"),
        };
        if (number < 4)
        {
            json.WriteStartObject("preferred_cvss");
            json.WriteNumber(string.Create(CultureInfo.InvariantCulture, $"score_v{number}"), score);
            json.WriteString(string.Create(CultureInfo.InvariantCulture, $"vector_v{number}"), vector);
            json.WriteEndObject();
        }

        json.WriteStartObject("vendor_attributes");
        json.WriteStartObject("CVSS");
        json.WriteStartObject("osv");
        json.WriteNumber(name + "Score", score);
        json.WriteString(name + "Vector", vector);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Where people read more: by the name of the vulnerability, and by that of the record about it.</summary>
    private static IEnumerable<string> LinksOf(ReportedFinding one) =>
        one.About.Aliases.Split(' ', StringSplitOptions.RemoveEmptyEntries).Prepend(one.Finding.Record)
            .Prepend(one.Finding.Name).Select(LinkOf).Distinct().Take(MaxLinks);

    private static string LinkOf(string name) => Uri.EscapeDataString(name) switch
    {
        var cve when cve.StartsWith("CVE-", StringComparison.Ordinal) => "https://nvd.nist.gov/vuln/detail/" + cve,
        var id when id.StartsWith("GHSA-", StringComparison.Ordinal) => "https://github.com/advisories/" + id,
        var id => "https://osv.dev/vulnerability/" + id,
    };

    /// <summary>The words of the specification.</summary>
    private static string WordOf(long severity) => severity switch
    {
        < 0 => "Unknown",
        (long)Severity.None => "Negligible",
        (long)Severity.Low => "Low",
        (long)Severity.Medium => "Medium",
        (long)Severity.High => "High",
        _ => "Critical",
    };
}
