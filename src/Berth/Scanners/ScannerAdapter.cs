using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Access;
using Berth.Import;
using Berth.Settings;

namespace Berth.Scanners;

/// <summary>
/// Another scanner, behind an adapter that speaks Harbor's scanner API:
/// <code>
/// GET  /api/v1/metadata          what it is, and how old its data
/// POST /api/v1/scan              202 and an id
/// GET  /api/v1/scan/ID/report    302: later; 200: the report
/// </code>
/// Each answer has a limit of time and of size.
/// </summary>
internal sealed class ScannerAdapter : IDisposable
{
    private const int MaxIdChars = 200;
    private const int MaxReasonChars = 300;
    private const int MaxSmallBytes = 256 << 10;

    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private readonly TimeProvider clock;
    private readonly HttpClient client;

    public ScannerAdapter(ScannerSettings settings, TimeProvider clock)
    {
        (Settings, this.clock) = (settings, clock);
        client = new HttpClient(new SocketsHttpHandler
        {
            // 302 is how it says that a report is not there yet.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = settings.Timeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("berth", "scanners"));
    }

    /// <summary>The shortest time until a report is asked for again.</summary>
    public static TimeSpan ShortestWait { get; } = TimeSpan.FromSeconds(1);

    public ScannerSettings Settings { get; }

    public void Dispose() => client.Dispose();

    /// <exception cref="ScannerException">It does not say, or scans no images.</exception>
    public async Task<ScannerMetadata> AskAsync(CancellationToken cancellation) => ScannerMetadata.Parse(
        await SendAsync("metadata", null, "*/*", async (answer, limit) => answer.StatusCode == HttpStatusCode.OK
            ? await ReadAsync(answer, MaxSmallBytes, limit) : throw await RefusedAsync(answer, limit), cancellation));

    /// <summary>Has an image scanned.</summary>
    /// <param name="request">Which, as <see cref="ScannerJson"/> writes it.</param>
    /// <param name="type">The type of that.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What the adapter calls the scan.</returns>
    /// <exception cref="ScannerException">It does not.</exception>
    public Task<string> BeginAsync(byte[] request, string type, CancellationToken cancellation)
    {
        var content = new ByteArrayContent(request);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return SendAsync(
            "scan", content, "*/*",
            async (answer, limit) =>
            {
                if (answer.StatusCode is not (HttpStatusCode.Accepted or HttpStatusCode.OK or HttpStatusCode.Created))
                    throw await RefusedAsync(answer, limit);
                return IdOf(await ReadAsync(answer, MaxSmallBytes, limit));
            },
            cancellation);
    }

    /// <summary>Asks for a report.</summary>
    /// <param name="id">What the adapter calls the scan.</param>
    /// <param name="type">The kind of report.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The report, or when to ask again.</returns>
    /// <exception cref="ScannerException">There is none, and will be none.</exception>
    public Task<(byte[]? Report, TimeSpan Wait)> ReportAsync(
        string id, string type, CancellationToken cancellation) => SendAsync<(byte[]?, TimeSpan)>(
            $"scan/{Uri.EscapeDataString(id)}/report", null, type,
            async (answer, limit) => answer.StatusCode switch
            {
                HttpStatusCode.OK => (await ReadAsync(answer, Settings.ReportBytes, limit), default),
                HttpStatusCode.Found => (null, WaitOf(answer)),
                HttpStatusCode.NotFound => throw new ScannerException(
                    "it knows nothing of the scan any more (404): was it started anew?"),
                _ => throw await RefusedAsync(answer, limit),
            },
            cancellation);

    private async Task<T> SendAsync<T>(
        string path, HttpContent? content, string accept,
        Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(
            content is null ? HttpMethod.Get : HttpMethod.Post,
            new Uri($"{Settings.Url.TrimEnd('/')}/api/v1/{path}"))
        {
            Content = content,
        };
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using var limit = new CancellationTokenSource(Settings.Timeout, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (await SecretAsync(both.Token) is { } secret)
                request.Headers.TryAddWithoutValidation("Authorization", secret);
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            return await read(answer, both.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ScannerException($"it did not answer within {SettingsText.Write(Settings.Timeout)}", e)
            {
                IsTransient = true,
            };
        }
        catch (HttpRequestException e)
        {
            var isAway = e.HttpRequestError is HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError;
            throw new ScannerException(isAway ? "it can't be reached" : "its answer broke off", e)
            {
                IsTransient = true,
                Detail = PlainText.Of(e.GetBaseException().Message),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ScannerException("its answer broke off", e)
            {
                IsTransient = true,
                Detail = PlainText.Of(e.Message),
            };
        }
    }

    /// <summary>The header, without the end of line that files have.</summary>
    private async Task<string?> SecretAsync(CancellationToken cancellation)
    {
        if (Settings.AuthorizationFile is not { } file) return Settings.Authorization;
        try
        {
            return (await File.ReadAllTextAsync(file, cancellation)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ScannerException("the file of its authorization can't be read", e) { Detail = e.Message };
        }
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage answer, long most, CancellationToken cancellation)
    {
        try
        {
            return await BoundedBody.ReadAsync(answer.Content, most, "its answer", cancellation);
        }
        catch (SourceException e)
        {
            throw new ScannerException(e.Message, e);
        }
    }

    private static string IdOf(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body, ScannerJson.Options);
            var id = ScannerJson.TextOf(document.RootElement, "id", MaxIdChars + 1);
            if (id.Length is > 0 and <= MaxIdChars && id is not ("." or "..") && !id.Contains('?')) return id;
        }
        catch (JsonException)
        {
            // The same as none.
        }

        throw new ScannerException("it accepted a scan, and did not say what it calls it");
    }

    private TimeSpan WaitOf(HttpResponseMessage answer)
    {
        // The specification and Harbor read this one; its text has the usual one.
        var wait = answer.Headers.TryGetValues("Refresh-After", out var values)
            && int.TryParse(values.First(), out var seconds) ? TimeSpan.FromSeconds(seconds)
            : answer.Headers.RetryAfter is { } after
                ? after.Delta ?? (after.Date is { } date ? date - clock.GetUtcNow() : UsualWait) : UsualWait;
        return wait < ShortestWait ? ShortestWait : wait > LongestWait ? LongestWait : wait;
    }

    private static async Task<ScannerException> RefusedAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var reason = "";
        try
        {
            var body = await BoundedBody.ReadAsync(answer.Content, MaxSmallBytes, "the error", cancellation);
            using var document = JsonDocument.Parse(body, ScannerJson.Options);
            if (ScannerJson.Find(document.RootElement, "error") is { } error)
                reason = ScannerJson.TextOf(error, "message", MaxReasonChars);
        }
        catch (Exception e) when (e is JsonException or SourceException or IOException or HttpRequestException)
        {
            // The status is known in any case.
        }

        return new ScannerException($"it answered {(int)answer.StatusCode}")
        {
            Detail = reason,

            // A proxy says so while the adapter is away, or busy.
            IsTransient = answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
        };
    }
}
