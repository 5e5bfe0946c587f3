using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Berth.Scanners;

/// <summary>What an adapter says of its scanner.</summary>
/// <param name="Product">What the scanner calls itself.</param>
/// <param name="Vendor">Whose it is.</param>
/// <param name="Version">Its version.</param>
/// <param name="DataUpdatedAt">How old its data is; null: it does not say.</param>
/// <param name="Consumes">The kinds of manifests that it scans.</param>
/// <param name="Produces">The kind of report that it is asked for.</param>
/// <param name="HasKinds">Whether it can be told what is wanted: version 1.1 of its API or later.</param>
internal sealed record ScannerMetadata(
    string Product, string Vendor, string Version, DateTimeOffset? DataUpdatedAt, IReadOnlyList<string> Consumes,
    string Produces, bool HasKinds)
{
    public const string Vulnerabilities = "vulnerability";

    /// <summary>The property that tells how old its data is.</summary>
    public const string DataTime = "harbor.scanner-adapter/vulnerability-database-updated-at";

    private const int MaxTypes = 50;

    /// <summary>Another one makes reports old.</summary>
    public string Stamp { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Product, Vendor, Version, DataUpdatedAt?.ToUnixTimeMilliseconds()))))[..32];

    /// <exception cref="ScannerException">It is none, or of no scanner of vulnerabilities.</exception>
    public static ScannerMetadata Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body, ScannerJson.Options);
            return Read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new ScannerException("its metadata is no JSON: is this the URL of an adapter?", e);
        }
    }

    private static ScannerMetadata Read(JsonElement root)
    {
        if (ScannerJson.Find(root, "scanner") is not { ValueKind: JsonValueKind.Object } scanner
            || ScannerJson.Find(root, "capabilities") is not { ValueKind: JsonValueKind.Array } capabilities)
        {
            throw new ScannerException(
                "its metadata has no scanner or no capabilities: is this the URL of an adapter?");
        }

        foreach (var one in capabilities.EnumerateArray())
        {
            if (ScannerJson.TextOf(one, "type") is not ("" or Vulnerabilities)) continue;
            var produces = ScannerJson.TextsOf(one, "produces_mime_types").Select(Plain).ToHashSet();
            var report = new[] { ScannerJson.Report, ScannerJson.OldReport }
                .FirstOrDefault(type => produces.Contains(Plain(type)));
            if (report is null) continue;
            return new ScannerMetadata(
                ScannerJson.TextOf(scanner, "name"), ScannerJson.TextOf(scanner, "vendor"),
                ScannerJson.TextOf(scanner, "version"), TimeOf(root),
                [.. ScannerJson.TextsOf(one, "consumes_mime_types").Take(MaxTypes)], report,
                HasKinds: ScannerJson.TextOf(one, "type").Length > 0);
        }

        throw new ScannerException($"it makes no reports of the kind {ScannerJson.Report}");
    }

    private static DateTimeOffset? TimeOf(JsonElement root)
    {
        var text = ScannerJson.Find(root, "properties") is { } properties
            ? ScannerJson.TextOf(properties, DataTime) : "";
        return DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            && time.Year is > 1970 and < 9999 ? time : null;
    }

    private static string Plain(string mediaType) =>
        mediaType.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
}
