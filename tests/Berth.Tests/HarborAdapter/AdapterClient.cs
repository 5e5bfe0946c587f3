using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.HarborAdapter;

/// <summary>An answer of the adapter.</summary>
internal sealed record AdapterAnswer(int Status, string Type, string Body, HttpResponseHeaders Headers)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>What it says of an error.</summary>
    public string Message => Json.GetProperty("error").Of("message");
}

/// <summary>Asks a registry to scan, as Harbor does.</summary>
internal sealed class AdapterClient(RegistryFixture registry)
{
    public const string Secret = "Bearer of-the-callers";
    public const string RequestType = "application/vnd.scanner.adapter.scan.request+json; version=1.1";
    public const string Report = "application/vnd.security.vulnerability.report; version=1.1";
    public const string OldReport = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";
    public const string Sbom = "application/vnd.security.sbom.report+json; version=1.0";
    public const string Error = "application/vnd.scanner.adapter.error+json; version=1.0";
    public const string ForVulnerabilities = """[{"type":"vulnerability"}]""";
    public const string ForSboms = """[{"type":"sbom"}]""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The settings of a registry that scans.</summary>
    public static RegistrySettings On(RegistrySettings settings, params string[] registries) => settings with
    {
        ScannerAdapter = new ScannerAdapterSettings
        {
            Enabled = true,
            Authorization = Secret,
            Registries = registries,
        },
    };

    /// <summary>A request as Harbor sends it.</summary>
    public static string Request(
        string url, string repository, string digest, string capabilities = ForVulnerabilities,
        string authorization = "Bearer of-the-registry",
        string type = "application/vnd.oci.image.manifest.v1+json") =>
        $$"""
        {"registry":{"url":"{{url}}","authorization":"{{authorization}}","insecure":false},
        "artifact":{"namespace_id":1,"repository":"{{repository}}","tag":"1","digest":"{{digest}}",
        "mime_type":"{{type}}","size":5},"enabled_capabilities":{{capabilities}}}
        """;

    public Task<AdapterAnswer> MetadataAsync(string accept = "*/*", string? secret = Secret) =>
        SendAsync(HttpMethod.Get, "metadata", secret, accept, null);

    public Task<AdapterAnswer> AskAsync(string body, string type = RequestType, string? secret = Secret) =>
        SendAsync(HttpMethod.Post, "scan", secret, "*/*", (Encoding.UTF8.GetBytes(body), type));

    public Task<AdapterAnswer> ReportAsync(
        string id, string accept = Report, string query = "", string? secret = Secret) =>
        SendAsync(HttpMethod.Get, $"scan/{id}/report{query}", secret, accept, null);

    /// <summary>Has something scanned; returns what the scan is called.</summary>
    public async Task<string> BeginAsync(string body)
    {
        var answer = await AskAsync(body);
        Assert.True(answer.Status == 202, answer.Body);
        Assert.Equal("application/vnd.scanner.adapter.scan.response+json; version=1.0", answer.Type);
        return answer.Json.Of("id");
    }

    /// <summary>The same, until it is done.</summary>
    public async Task<AdapterAnswer> ScanAsync(string body, string accept = Report, string query = "") =>
        await EndAsync(await BeginAsync(body), accept, query);

    /// <summary>Asks for a report until it is there.</summary>
    public async Task<AdapterAnswer> EndAsync(string id, string accept = Report, string query = "")
    {
        AdapterAnswer? answer = null;
        await Eventually.TrueAsync(async () =>
        {
            answer = await ReportAsync(id, accept, query);
            return answer.Status != 302;
        });
        return answer!;
    }

    private async Task<AdapterAnswer> SendAsync(
        HttpMethod method, string path, string? secret, string accept, (byte[] Body, string Type)? content)
    {
        using var request = new HttpRequestMessage(method, "scanner/api/v1/" + path);
        if (secret is not null) request.Headers.TryAddWithoutValidation("Authorization", secret);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        if (content is var (body, type))
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        using var answer = await registry.Client.SendAsync(request, Stop);
        return new AdapterAnswer(
            (int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString() ?? "",
            await answer.Content.ReadAsStringAsync(Stop), answer.Headers);
    }
}
