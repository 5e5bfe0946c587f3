using System.Globalization;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Api;

/// <summary><c>/scanners</c> and what they found in the image of the repository in the query.</summary>
internal sealed class ScannerEndpoints(AskedImages images, Database database, RegistrySettings settings)
{
    private const int MaxSearch = 255;

    /// <summary>The scanners of the settings.</summary>
    public async Task<ApiAnswer<Listed<ScannerView>>> ListAsync(HttpContext http)
    {
        var known = await KnownAsync(http.RequestAborted);
        return new Listed<ScannerView>([.. settings.Scanners.Select(scanner =>
            ViewOf(scanner, known.GetValueOrDefault(scanner.Name)))]);
    }

    /// <summary>What each of them found, in numbers.</summary>
    public async Task<ApiAnswer<ImageScannersView>> ListOfImageAsync(
        HttpContext http, string reference, string repository, string? platform = null)
    {
        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return error!;
        if (settings.Scanners.Count == 0) return new ImageScannersView(image.Digest.Text, image.Platform, []);
        var known = await KnownAsync(http.RequestAborted);
        var reports = (await database.ReadAsync(
                session => ScannerReportTable.OfImageAsync(session, image.Digest), http.RequestAborted))
            .ToDictionary(report => report.Scanner);
        return new ImageScannersView(
            image.Digest.Text, image.Platform,
            [.. settings.Scanners.Select(scanner => ImageScannerView.Of(
                scanner.Name, reports.GetValueOrDefault(scanner.Name), known.GetValueOrDefault(scanner.Name),
                http.Caller().IsStaff))]);
    }

    /// <summary>What one of them found.</summary>
    public async Task<ApiAnswer<ImageScannerFindingsView>> ListFindingsAsync(
        HttpContext http, string reference, string name, string repository, string? platform = null,
        string? severity = null, bool? fixable = null, string? q = null)
    {
        if (q is { Length: > MaxSearch }) return ApiError.Invalid($"q must have at most {MaxSearch} characters");
        if (VulnerabilityWords.FaultOf(severity) is { } fault) return fault;
        var (image, error) = await images.FindAsync(http, repository, reference, platform);
        if (image is null) return error!;
        if (settings.Scanners.FirstOrDefault(one => one.Name == name) is not { } scanner)
            return ApiError.NotFound($"scanner {PlainText.Of(name)}");
        var known = await KnownAsync(http.RequestAborted);
        var page = http.Page();
        var after = -1L;
        if (page.Last.Length > 0
            && !long.TryParse(page.Last, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            return ApiError.Invalid("last is no finding of the scanner");
        }

        var query = new ScannerFindingQuery(
            severity is null ? long.MinValue : VulnerabilityWords.NumberOf(severity), fixable, q);
        var (report, count, rows) = await database.ReadAsync(
            async session =>
            {
                var all = await ScannerReportTable.OfImageAsync(session, image.Digest);
                return all.Find(one => one.Scanner == scanner.Name) is not { } found ? (null, 0, [])
                    : (found, await ScannerReportTable.CountFindingsAsync(session, found.Id, query),
                        await ScannerReportTable.FindingsOfAsync(session, found.Id, query, after, page.Count + 1));
            },
            http.RequestAborted);
        return new ImageScannerFindingsView(
            image.Digest.Text, image.Platform,
            ImageScannerView.Of(
                scanner.Name, report, known.GetValueOrDefault(scanner.Name), http.Caller().IsStaff),
            (int)count, http.Answer(page, rows.ConvertAll(ScannerFindingView.Of), one => one.Id).Items);
    }

    private async Task<Dictionary<string, ScannerRow>> KnownAsync(CancellationToken cancellation) =>
        (await database.ReadAsync(ScannerTable.AllAsync, cancellation)).ToDictionary(row => row.Name);

    private ScannerView ViewOf(ScannerSettings scanner, ScannerRow? row)
    {
        var isKnown = row is { AnsweredAt: not null };
        return new ScannerView(scanner.Name, scanner.Url, scanner.RegistryUrl ?? settings.Http.Host ?? "")
        {
            Scanner = isKnown ? row!.Product : null,
            Vendor = isKnown ? row!.Vendor : null,
            Version = isKnown ? row!.Version : null,
            DataUpdatedAt = row?.DataUpdatedAt,
            AnsweredAt = row?.AnsweredAt,
            Fault = row?.Fault is { Length: > 0 } fault ? fault : null,
        };
    }
}
