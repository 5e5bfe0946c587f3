using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Berth.Import;

/// <summary>
/// The tokens of a registry (distribution, "Token Authentication Specification"), one for each repository, renewed
/// before they end. The password goes only to the realm that the registry names over TLS, or to its own host.
/// </summary>
internal sealed class SourceTokens(
    Uri root, SourceCredentials? credentials, HttpClient client, TimeProvider clock, SourceOrder? order = null)
    : IDisposable
{
    /// <summary>What distribution's specification says of a token that does not say it itself.</summary>
    private const int UsualSeconds = 60;

    private const int MostSeconds = 24 * 3600;
    private const int MostBytes = 256 << 10;

    private static readonly TimeSpan Early = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset EndsAt)> tokens = new();
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>A token for what a path is about, if there is one that is still good.</summary>
    public string? Find(string about) =>
        tokens.TryGetValue(about, out var found) && clock.GetUtcNow() < found.EndsAt ? found.Token : null;

    /// <summary>Gets one, unless somebody else has since.</summary>
    /// <param name="challenge">What the registry asked for.</param>
    /// <param name="about">What it is for: a repository, or nothing.</param>
    /// <param name="scope">What is asked for if the registry does not say.</param>
    /// <param name="refused">The one that it did not take; null if none was sent.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="SourceException">There is none.</exception>
    public async Task<string> GetAsync(
        AuthChallenge challenge, string about, string scope, string? refused, CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            if (Find(about) is { } found && found != refused) return found;
            var (token, seconds) = await AskAsync(
                RealmOf(challenge), challenge.Service, challenge.Scope.Length > 0 ? challenge.Scope : scope,
                cancellation);
            var life = TimeSpan.FromSeconds(Math.Clamp(seconds, 1, MostSeconds));
            tokens[about] = (token, clock.GetUtcNow() + (life > 2 * Early ? life - Early : life / 2));
            return token;
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    private Uri RealmOf(AuthChallenge challenge)
    {
        if (!Uri.TryCreate(challenge.Realm, UriKind.Absolute, out var realm) || realm.Scheme is not ("https" or "http"))
            throw new SourceException($"{root.Authority} does not say where its tokens come from");
        if (realm.UserInfo.Length > 0) throw new SourceException($"{root.Authority} names a realm with a password");
        var isOwnHost = realm.IdnHost.Equals(root.IdnHost, StringComparison.OrdinalIgnoreCase);
        if (root.Scheme == "https" && realm.Scheme != "https")
            throw new SourceException($"{root.Authority} sends clients for tokens to {realm.Authority} without TLS");
        if (credentials is not null && root.Scheme != "https" && !isOwnHost)
        {
            throw new SourceException(
                $"{root.Authority}, without TLS, sends the password to another host, {realm.Authority}, which does not "
                + "get it: name the registry with https://");
        }

        return order?.MayAsk(realm) is false ? throw order.Elsewhere(root, realm) : realm;
    }

    private async Task<(string Token, long Seconds)> AskAsync(
        Uri realm, string service, string scope, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(LongestRequest);
        using var request = RequestFor(realm, service, scope);
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
        if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            if (order is not null)
                throw new SourceException($"{realm.Authority} does not accept the authorization of the request");
            throw new SourceException(credentials is null
                ? $"{realm.Authority} gives nobody a token without a password: name the user with --from-user"
                : $"{realm.Authority} does not accept the password of {credentials.User}");
        }

        if (!answer.IsSuccessStatusCode)
        {
            throw new SourceException($"{realm.Authority} answers {(int)answer.StatusCode} when asked for a token")
            {
                IsTransient = SourceClient.IsTransient(answer.StatusCode),
            };
        }

        try
        {
            var body = await BoundedBody.ReadAsync(
                answer.Content, MostBytes, $"the token of {realm.Authority}", deadline.Token);
            using var json = JsonDocument.Parse(body);
            var token = TextOf(json.RootElement, "token") ?? TextOf(json.RootElement, "access_token")
                ?? throw new SourceException($"{realm.Authority} answers without a token");
            if (token.AsSpan().ContainsAnyExceptInRange('!', '~'))
                throw new SourceException($"{realm.Authority} answers with something that is no token");
            var isTimed = json.RootElement.TryGetProperty("expires_in", out var end);
            return (token, isTimed && end.TryGetInt64(out var seconds) ? seconds : UsualSeconds);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SourceException($"{realm.Authority} answers with something that is no token");
        }
    }

    private HttpRequestMessage RequestFor(Uri realm, string service, string scope)
    {
        if (credentials?.IdentityToken is { } refresh)
        {
            return new HttpRequestMessage(HttpMethod.Post, realm)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string>
                {
                    ["grant_type"] = "refresh_token",
                    ["refresh_token"] = refresh,
                    ["service"] = service,
                    ["scope"] = scope,
                    ["client_id"] = "berth",
                }),
            };
        }

        var query = string.Create(
            CultureInfo.InvariantCulture,
            $"service={Uri.EscapeDataString(service)}&scope={Uri.EscapeDataString(scope)}");
        var separator = realm.Query.Length > 0 ? "&" : "?";
        var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri($"{realm.GetLeftPart(UriPartial.Query)}{separator}{query}"));
        if (credentials is not null) request.Headers.Authorization = credentials.Basic;
        return request;
    }

    private static string? TextOf(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
        && value.GetString() is { Length: > 0 } text ? text : null;
}
