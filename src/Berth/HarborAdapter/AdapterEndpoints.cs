using System.Buffers;
using System.Text.Json;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Berth.Scanners;
using Berth.Settings;

namespace Berth.HarborAdapter;

/// <summary>
/// Harbor's scanner API, version 1.2, as a scanner answers it ("Harbor Scanner Adapter API",
/// scanner-adapter-openapi-v1.2.yaml):
/// <code>
/// GET  /scanner/api/v1/metadata          what it can do, and how old its data is
/// POST /scanner/api/v1/scan              202 and an id
/// GET  /scanner/api/v1/scan/ID/report    302: later; 200: the report
/// </code>
/// </summary>
internal sealed class AdapterEndpoints(
    CallerCheck callers, ScanQueue queue, AdapterData data, Database database, JobClock times,
    ScannerAdapterSettings settings, TimeProvider clock)
{
    public const string Prefix = "/scanner/api/v1";

    private const int MaxIdChars = 64;

    /// <summary>Scans of known layers are done by then: reports are asked for more often until then.</summary>
    private static readonly TimeSpan Young = TimeSpan.FromSeconds(10);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods(Prefix + "/metadata", ["GET"], http => RunAsync(http, AnswerMetadataAsync));
        routes.MapMethods(Prefix + "/scan", ["POST"], http => RunAsync(http, AnswerScanAsync));
        routes.MapMethods(Prefix + "/scan/{id}/report", ["GET"], http => RunAsync(http, AnswerReportAsync));
    }

    private async Task RunAsync(HttpContext http, Func<HttpContext, Task<AdapterError?>> answer)
    {
        // Before a body is read, whoever sends it.
        SmallBody.Limit(http, ScanRequest.MaxBytes);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        AdapterError? error;
        try
        {
            error = await callers.CheckAsync(http) ?? await answer(http);
        }
        catch (DatabaseUnavailableException)
        {
            error = new AdapterError(
                StatusCodes.Status503ServiceUnavailable, "the database does not answer: try again in a moment")
            {
                RetryAfterSeconds = 5,
            };
        }

        if (error is not null) await error.WriteAsync(http.Response);
    }

    private async Task<AdapterError?> AnswerMetadataAsync(HttpContext http)
    {
        var accept = http.Request.Headers.Accept.ToString();
        if (ReportKinds.Find(accept, [ReportKinds.Metadata, ReportKinds.OldMetadata]) is not { } type)
        {
            return new AdapterError(
                StatusCodes.Status406NotAcceptable, $"metadata has the type {ReportKinds.Metadata}");
        }

        var row = await database.ReadAsync(VulnerabilityDataTable.FindAsync, http.RequestAborted);
        await WriteAsync(http, StatusCodes.Status200OK, type, json =>
        {
            ScanReports.WriteScanner(json);
            json.WriteStartArray("capabilities");
            WriteCapability(json, ReportKinds.Vulnerabilities, ReportKinds.VulnerabilityReports);
            WriteCapability(json, ReportKinds.Sbom, [ReportKinds.SbomReport]);
            json.WriteEndArray();
            json.WriteStartObject("properties");
            json.WriteString("harbor.scanner-adapter/scanner-type", "os-package-vulnerability");
            if (row.BuiltAt is { } time)
            {
                json.WriteString(
                    ScannerMetadata.DataTime, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null));
            }

            // A scan may wait for longer than a token of Harbor is good for. The password of its robot lasts.
            json.WriteString("harbor.scanner-adapter/registry-authorization-type", "Basic");
            json.WriteEndObject();
        });
        return null;
    }

    private static void WriteCapability(Utf8JsonWriter json, string type, IReadOnlyList<string> produces)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        WriteTexts(json, "consumes_mime_types", [MediaTypes.OciManifest, MediaTypes.DockerManifest]);
        WriteTexts(json, "produces_mime_types", produces);
        if (type == ReportKinds.Sbom)
        {
            json.WriteStartObject("additional_attributes");
            WriteTexts(json, "sbom_media_types", ReportKinds.Sboms);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private async Task<AdapterError?> AnswerScanAsync(HttpContext http)
    {
        var type = http.Request.ContentType ?? "";
        var isOld = ReportKinds.IsSame(type, ScannerJson.OldRequest);
        if (!isOld && !ReportKinds.IsSame(type, ScannerJson.Request))
        {
            return new AdapterError(
                StatusCodes.Status415UnsupportedMediaType, $"the body must have the type {ScannerJson.Request}");
        }

        byte[] body;
        try
        {
            body = await ReadAsync(http);
        }
        catch (BadHttpRequestException e)
        {
            return new AdapterError(e.StatusCode, e.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? $"the body has more than {ScanRequest.MaxBytes} bytes" : "the body is no valid HTTP");
        }

        var (request, error) = ScanRequest.Read(body, settings.Registries, isOld);
        if (request is null) return error;
        if (!data.IsConfigured && request.Kinds.Contains(ReportKinds.Vulnerabilities))
        {
            return AdapterError.Failed("this scanner knows nothing of vulnerabilities yet: its operator can set "
                + "vulnerabilities.sources; bills of materials can be had");
        }

        if (await queue.AddAsync(request, http.RequestAborted) is not { } id)
        {
            return new AdapterError(
                StatusCodes.Status429TooManyRequests, "too many scans are waiting: try again later")
            {
                RetryAfterSeconds = 60,
            };
        }

        await WriteAsync(
            http, StatusCodes.Status202Accepted, ReportKinds.Accepted, json => json.WriteString("id", id));
        return null;
    }

    private async Task<AdapterError?> AnswerReportAsync(HttpContext http)
    {
        var accept = http.Request.Headers.Accept.ToString();
        if (ReportKinds.Find(accept, [.. ReportKinds.VulnerabilityReports, ReportKinds.SbomReport]) is not { } type)
        {
            return AdapterError.Incapable("Accept: this scanner makes "
                + string.Join(", ", ReportKinds.VulnerabilityReports.Append(ReportKinds.SbomReport)));
        }

        var kind = ReportKinds.Vulnerabilities;
        if (type == ReportKinds.SbomReport)
        {
            kind = http.Request.Query["sbom_media_type"].ToString();
            if (!ReportKinds.Sboms.Contains(kind))
            {
                return AdapterError.Malformed(
                    $"sbom_media_type must be one of {string.Join(", ", ReportKinds.Sboms)}");
            }
        }

        var id = http.Request.RouteValues["id"] as string ?? "";
        if (id.Length > MaxIdChars || !id.All(char.IsAsciiHexDigitLower)) return AdapterError.Unknown();
        var (row, now) = await database.ReadAsync(
            async session => (await AdapterScanTable.FindAsync(session, id), await times.NowAsync(session)),
            http.RequestAborted);
        switch (row)
        {
            case null:
            case { State: not AdapterScanStates.Waiting } when row.EndsAt <= clock.GetUtcNow():
                return AdapterError.Unknown();
            case { State: AdapterScanStates.Waiting } when row.HeldUntil < now:
                return AdapterError.Failed(ScanQueue.Lost);
            case { State: AdapterScanStates.Waiting }:
                AnswerLater(http, clock.GetUtcNow() - row.AddedAt);
                return null;
            case { State: AdapterScanStates.Fault }:
                return AdapterError.Failed(row.Fault);
            default:
                return await AnswerReportAsync(http, id, kind, type);
        }
    }

    /// <summary>Its data goes out as it is decompressed.</summary>
    private async Task<AdapterError?> AnswerReportAsync(HttpContext http, string id, string kind, string type)
    {
        var report = await database.ReadAsync(
            session => AdapterScanTable.LoadReportAsync(session, id, kind), http.RequestAborted);
        if (report is null)
        {
            return new AdapterError(
                StatusCodes.Status404NotFound, "the scan was not asked for such a report: see enabled_capabilities");
        }

        http.Response.ContentType = type;
        await using var content = ReportStream.Read(report);
        await content.CopyToAsync(http.Response.Body, http.RequestAborted);
        return null;
    }

    private static void AnswerLater(HttpContext http, TimeSpan age)
    {
        http.Response.StatusCode = StatusCodes.Status302Found;
        http.Response.Headers.Location =
            http.Request.PathBase.Add(http.Request.Path).ToUriComponent() + http.Request.QueryString;
        http.Response.Headers["Refresh-After"] = age < Young ? "1" : "5";
    }

    private static async Task<byte[]> ReadAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        return body.ToArray();
    }

    private static Task WriteAsync(HttpContext http, int status, string type, Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(2048);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = body.WrittenCount;
        return http.Response.Body.WriteAsync(body.WrittenMemory).AsTask();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
