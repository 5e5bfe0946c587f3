using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json;
using Berth.Jobs;

namespace Berth.Import;

/// <summary>
/// Requests to a registry that images are copied from: signs in where it asks for that, follows redirects without the
/// credentials, and tries again what may go well later.
/// </summary>
internal sealed class SourceClient : IDisposable
{
    public const string ManifestTypes =
        $"{Oci.MediaTypes.OciManifest}, {Oci.MediaTypes.OciIndex}, {Oci.MediaTypes.DockerManifest}, "
        + $"{Oci.MediaTypes.DockerManifestList}, {Oci.MediaTypes.OciArtifact}, */*";

    private const int Attempts = 6;
    private const int MaxRedirects = 5;
    private const int MaxErrorBytes = 64 << 10;
    private const int MaxReasonChars = 300;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(60);

    private readonly SourceAddress address;
    private readonly SourceCredentials? credentials;
    private readonly TimeProvider clock;
    private readonly HttpClient client;
    private readonly SourceTokens tokens;
    private readonly SourceOrder? order;
    private volatile AuthChallenge? known;

    /// <summary>One that has never answered may be the wrong one: nobody wants to wait for it.</summary>
    private volatile bool hasAnswered;

    /// <param name="address">Where it is.</param>
    /// <param name="credentials">Who signs in; null: nobody.</param>
    /// <param name="tls">Whose certificates are trusted.</param>
    /// <param name="clock">For waits, and the end of tokens.</param>
    /// <param name="order">What holds if others want it asked; null: whoever runs this does.</param>
    public SourceClient(
        SourceAddress address, SourceCredentials? credentials, SslClientAuthenticationOptions tls, TimeProvider clock,
        SourceOrder? order = null)
    {
        (this.address, this.credentials, this.clock, this.order) = (address, credentials, clock, order);
        client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            SslOptions = tls,
        })
        {
            // A layer may take hours.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("berth", "import"));
        tokens = new SourceTokens(address.Root, credentials, client, clock, order);
    }

    public string Host => address.Host;

    /// <summary>Whether a status may be another one a little later.</summary>
    public static bool IsTransient(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout
        or HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway
        or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    public void Dispose()
    {
        client.Dispose();
        tokens.Dispose();
    }

    /// <summary>Asks. An error is answered as it is, once trying again has not helped.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="path">What comes after <c>/v2/</c>.</param>
    /// <param name="repository">What a token must be good for; null: the catalog.</param>
    /// <param name="from">The first byte that is wanted, if not all are.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="SourceException">There is no answer that can be used.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? repository, long from, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan? wait = null;
            SourceException failure;
            try
            {
                var answer = await SignInAndSendAsync(method, path, repository, from, cancellation);
                hasAnswered = true;
                if (!IsTransient(answer.StatusCode)) return answer;
                wait = WaitOf(answer);
                using (answer) failure = await ExplainAsync(answer, cancellation);
            }
            catch (SourceException e) when (e.IsTransient)
            {
                failure = e;
            }
            catch (HttpRequestException e)
            {
                failure = Unreachable(e);
                var isFinal = e.HttpRequestError is HttpRequestError.SecureConnectionError
                    or HttpRequestError.NameResolutionError;
                if (isFinal || !hasAnswered) throw failure;
            }
            catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
            {
                failure = new SourceException($"{Host} does not answer within {LongestRequest.TotalSeconds} seconds", e)
                {
                    IsUnreachable = true,
                };
            }

            if (attempt >= Attempts || wait > LongestWait) throw failure;
            await Task.Delay(wait ?? DelayAfter(attempt), clock, cancellation);
        }
    }

    /// <summary>How long to wait after so many failures in a row.</summary>
    public static TimeSpan DelayAfter(int failures) =>
        FirstDelay * Math.Pow(2, Math.Min(failures - 1, 6)) * Backoff.Between(0.5, 1);

    /// <summary>What an error says.</summary>
    public async Task<SourceException> ExplainAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var status = (int)answer.StatusCode;
        var words = answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized when order is not null => "it does not accept the authorization of the request",
            HttpStatusCode.Unauthorized when credentials is null => "it needs a user and a password: --from-user",
            HttpStatusCode.Unauthorized => $"it does not accept the password of {credentials.User}",
            HttpStatusCode.TooManyRequests => "it was asked too often",
            _ => "",
        };
        var reason = await ReasonOfAsync(answer, cancellation);
        var text = string.Join(": ", new[] { words, reason }.Where(part => part.Length > 0));
        return new SourceException($"{Host} answers {status}{(text.Length > 0 ? $" ({text})" : "")}")
        {
            Status = answer.StatusCode,
            IsTransient = IsTransient(answer.StatusCode),
        };
    }

    /// <summary>Text of another's, in a line.</summary>
    public static string Shown(string text)
    {
        var line = text.Length > MaxReasonChars ? text[..MaxReasonChars] : text;
        return string.Concat(line.Select(c => char.IsControl(c) || char.IsSurrogate(c)
            || char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.Format ? '?' : c));
    }

    private SourceException Unreachable(HttpRequestException e)
    {
        var cause = e.GetBaseException().Message.TrimEnd('.');
        return new SourceException(
            e.HttpRequestError == HttpRequestError.SecureConnectionError && order is null
                ? $"{Host} can't be reached over TLS: {cause}. If its CA is your own, name it with --from-ca; a "
                    + "registry without TLS has an address that begins with http://"
                : $"{Host} can't be reached: {cause}",
            e)
        {
            IsUnreachable = true,
        };
    }

    private TimeSpan? WaitOf(HttpResponseMessage answer)
    {
        var wait = answer.Headers.RetryAfter is { } after
            ? after.Delta ?? (after.Date is { } date ? date - clock.GetUtcNow() : null) : null;
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static async Task<string> ReasonOfAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            var body = await BoundedBody.ReadAsync(answer.Content, MaxErrorBytes, "the error", cancellation);
            using var json = JsonDocument.Parse(body);
            var error = json.RootElement.GetProperty("errors")[0];
            return Shown(error.GetProperty("message").GetString() ?? "");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or IndexOutOfRangeException or SourceException or IOException or HttpRequestException)
        {
            return "";
        }
    }

    private async Task<HttpResponseMessage> SignInAndSendAsync(
        HttpMethod method, string path, string? repository, long from, CancellationToken cancellation)
    {
        var (about, scope) = repository is null ? ("", "registry:catalog:*")
            : (repository, $"repository:{repository}:pull");
        var token = known is { IsBearer: true } ? tokens.Find(about) : null;
        for (var round = 0; ; round++)
        {
            var sent = known is { IsBearer: false } ? credentials!.Basic
                : token is null ? order?.Authorization : new AuthenticationHeaderValue("Bearer", token);
            var answer = await FollowAsync(method, path, sent, from, cancellation);

            // A token may have ended, or been good for less than was asked for.
            var isOwn = answer.RequestMessage!.RequestUri!.Authority == address.Root.Authority;
            if (answer.StatusCode != HttpStatusCode.Unauthorized || !isOwn || round == 2) return answer;
            if (AuthChallenge.Read(answer.Headers) is not { } challenge) return answer;
            if (order is not null && credentials is null && sent is not null) return answer;
            var hasPassword = credentials is { Password.Length: > 0 };
            if (!challenge.IsBearer && (!hasPassword || sent?.Scheme == "Basic")) return answer;
            answer.Dispose();
            known = challenge;
            if (challenge.IsBearer) token = await tokens.GetAsync(challenge, about, scope, token, cancellation);
        }
    }

    private async Task<HttpResponseMessage> FollowAsync(
        HttpMethod method, string path, AuthenticationHeaderValue? authorization, long from,
        CancellationToken cancellation)
    {
        var place = new Uri(address.Root, $"v2/{path}");
        for (var hop = 0; ; hop++)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(LongestRequest);
            using var request = new HttpRequestMessage(method, place);
            request.Headers.TryAddWithoutValidation("Accept", ManifestTypes);
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            var isOwn = place.Scheme == address.Root.Scheme && place.Authority == address.Root.Authority;
            if (isOwn) request.Headers.Authorization = authorization;
            var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308)) return answer;
            using (answer)
            {
                if (answer.Headers.Location is not { } location)
                    throw new SourceException($"{place.Authority} sends clients elsewhere, and does not say where");
                var next = new Uri(place, location);
                if (hop == MaxRedirects)
                    throw new SourceException($"{Host} sends clients around in circles: more than {hop} redirects");
                if (next.Scheme is not ("https" or "http") || (place.Scheme == "https" && next.Scheme == "http"))
                    throw new SourceException($"{place.Authority} sends clients to {next.Authority} without TLS");
                if (order?.MayAsk(next) is false) throw order.Elsewhere(place, next);
                place = next;
            }
        }
    }
}
