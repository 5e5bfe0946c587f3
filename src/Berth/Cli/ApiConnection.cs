using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Api;
using Berth.Settings;

namespace Berth.Cli;

/// <summary>The API answered an error, which the message has in words.</summary>
internal sealed class ApiRefusalException(string message) : Exception(message)
{
    /// <summary>Whether the credentials are not, or no longer, good.</summary>
    public bool IsSignIn { get; init; }

    /// <summary>Whether it would work a little later.</summary>
    public bool IsBusy { get; init; }

    /// <summary>Whether there is no such thing.</summary>
    public bool IsMissing { get; init; }

    /// <summary>Whether the command did its work, and what it found is what the caller wants to stop at: a pipeline
    /// must tell that from a registry that refused to answer.</summary>
    public bool IsVerdict { get; init; }
}

/// <summary>A connection to the API: to a server, or to the database on this machine.</summary>
internal sealed class ApiConnection : IAsyncDisposable
{
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(100);

    private readonly HttpClient client;
    private readonly LocalApi? local;
    private readonly Func<RemoteImages>? openImages;

    /// <param name="local">The API on this machine.</param>
    public ApiConnection(LocalApi local)
    {
        this.local = local;
        client = new HttpClient(local.Server, disposeHandler: false)
        {
            BaseAddress = new Uri("http://localhost" + ApiRoutes.Prefix + "/"),
        };
    }

    /// <param name="server">Its address, which may have a path.</param>
    /// <param name="credentials">Who signs in; null: who the client's certificate names.</param>
    /// <param name="files">Whose certificates are trusted, and the client's own.</param>
    /// <exception cref="InvalidDataException">A file can't be used.</exception>
    public ApiConnection(Uri server, AuthenticationHeaderValue? credentials, TlsFiles files)
    {
        client = new HttpClient(HandlerFor(files))
        {
            BaseAddress = new Uri(server.GetLeftPart(UriPartial.Path).TrimEnd('/') + ApiRoutes.Prefix + "/"),
            Timeout = LongestRequest,
        };
        client.DefaultRequestHeaders.Authorization = credentials;
        openImages = () => new RemoteImages(server, credentials, HandlerFor(files));
    }

    /// <summary>The way to the images of the server; only if a server is asked.</summary>
    public RemoteImages OpenImages() => openImages!();

    /// <summary>Whether it is the operator who asks, on the database itself.</summary>
    public bool IsLocal => local is not null;

    /// <summary>The settings of that registry; null if a server is asked.</summary>
    public RegistrySettings? Settings => local?.Settings;

    /// <summary>Asks, and returns what was answered; an empty object if nothing was.</summary>
    /// <param name="method">The method.</param>
    /// <param name="path">What comes after <c>/api/v1/</c>.</param>
    /// <param name="body">What is sent, or null.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="ApiRefusalException">The answer is an error.</exception>
    /// <exception cref="HttpRequestException">The server can't be reached.</exception>
    public async Task<JsonElement> AskAsync(
        string method, string path, JsonObject? body, CancellationToken cancellation) =>
        (await SendAsync(method, new Uri(client.BaseAddress!, path), body, cancellation)).Json;

    /// <summary>Copies what is answered, as it comes.</summary>
    /// <exception cref="ApiRefusalException">The answer is an error.</exception>
    public async Task CopyAsync(string path, Stream output, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(client.BaseAddress!, path));
        using var answer = await client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!answer.IsSuccessStatusCode)
            throw RefusalOf(answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellation));
        await answer.Content.CopyToAsync(output, cancellation);
    }

    /// <summary>All entries of a list, page by page.</summary>
    public async Task<List<JsonElement>> ListAsync(string path, CancellationToken cancellation)
    {
        var all = new List<JsonElement>();
        await foreach (var entry in EachAsync(path, cancellation)) all.Add(entry);
        return all;
    }

    /// <summary>The same, one by one.</summary>
    public async IAsyncEnumerable<JsonElement> EachAsync(
        string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (var next = path; next is not null;)
        {
            (var json, next) = await AskPageAsync(next, cancellation);
            foreach (var entry in json.GetProperty("items").EnumerateArray()) yield return entry;
        }
    }

    /// <summary>A page of a list, and the path of the next one.</summary>
    public async Task<(JsonElement Page, string? Next)> AskPageAsync(string path, CancellationToken cancellation)
    {
        var asked = new Uri(client.BaseAddress!, path);
        var (json, link) = await SendAsync("GET", asked, body: null, cancellation);

        // Only the path of it, so that a password is sent to nobody else.
        return (json, link is null ? null : Beside(client.BaseAddress!, new Uri(asked, link)).AbsoluteUri);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        if (local is not null) await local.DisposeAsync();
    }

    /// <summary>Reads the address of a server.</summary>
    /// <exception cref="InvalidDataException">It can't be used.</exception>
    public static Uri AddressOf(string server)
    {
        if (!Uri.TryCreate(server, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http"))
            throw new InvalidDataException($"'{server}' is not an address: write {SuggestionFor(server)}");
        return address.Scheme == "https" || address.IsLoopback
            ? address
            : throw new InvalidDataException(
                "without TLS others could read the password: write https://, or run the command on the server");
    }

    /// <summary>What somebody may have meant who left out the scheme, as with docker.</summary>
    private static string SuggestionFor(string server) =>
        Uri.TryCreate($"http://{server}", UriKind.Absolute, out var read)
            ? $"{(read.IsLoopback ? "http" : "https")}://{server}"
            : "https://registry.example.com";

    /// <summary>Credentials of a name and password.</summary>
    public static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    public static AuthenticationHeaderValue Bearer(string token) => new("Bearer", token);

    /// <summary>How servers are reached: they send nobody, and the password, elsewhere.</summary>
    /// <param name="files">Whose certificates are trusted, and the client's own.</param>
    /// <exception cref="InvalidDataException">A file can't be used.</exception>
    public static SocketsHttpHandler HandlerFor(TlsFiles files) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        SslOptions = files.Load(),
    };

    /// <summary>Why a server can't be reached, and what to do about it.</summary>
    public static string Explain(Exception failure)
    {
        if (failure is JsonException) return "the server's answer is not JSON: is it a Berth, and not a proxy?";
        if (failure is not HttpRequestException e) return failure.Message;
        var reason = e.GetBaseException().Message.TrimEnd('.');
        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
        {
            // OpenSSL's words for an answer that is no TLS: HTTP, most of the time.
            if (cause.Message.Contains("wrong version number", StringComparison.OrdinalIgnoreCase)
                || cause.Message.Contains("frame", StringComparison.OrdinalIgnoreCase))
            {
                return "the server does not speak TLS: is it http://, or another port?";
            }
        }

        // A server that asks for a client's certificate tells only after the handshake, by hanging up.
        return e.HttpRequestError switch
        {
            HttpRequestError.SecureConnectionError =>
                $"the server's certificate is not trusted: {(e.InnerException ?? e).Message.TrimEnd('.')}. If its CA "
                + "is your own, name the CA's certificate with --ca",
            HttpRequestError.Unknown or HttpRequestError.ResponseEnded =>
                $"the server closed the connection ({reason}): if it asks for certificates of clients, give yours with "
                + "--cert and --key",
            _ => $"the server can't be reached: {reason}",
        };
    }

    /// <summary>A path that begins with two slashes would be another host, if it were resolved.</summary>
    private static Uri Beside(Uri server, Uri link) =>
        new UriBuilder(server) { Path = link.AbsolutePath, Query = link.Query }.Uri;

    private async Task<(JsonElement Json, string? Next)> SendAsync(
        string method, Uri address, JsonObject? body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await client.SendAsync(request, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (!answer.IsSuccessStatusCode) throw RefusalOf(answer.StatusCode, text);
        using var json = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
        var link = answer.Headers.TryGetValues("Link", out var links) ? links.First().Split('<', '>')[1] : null;
        return (json.RootElement.Clone(), link);
    }

    private static ApiRefusalException RefusalOf(HttpStatusCode status, string text) => new(Explain(status, text))
    {
        IsSignIn = status == HttpStatusCode.Unauthorized,
        IsBusy = status == HttpStatusCode.ServiceUnavailable,
        IsMissing = status == HttpStatusCode.NotFound,
    };

    private static string Explain(HttpStatusCode status, string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            if (json.RootElement.TryGetProperty("detail", out var detail)) return detail.GetString() ?? text;
        }
        catch (JsonException)
        {
            // Something else answers there.
        }

        return $"the server answered {(int)status}: is it a Berth?";
    }
}
