using System.Net.Http.Headers;
using System.Text.Json;
using Berth.Access;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What a system answered to a request.</summary>
/// <param name="Json">The answer.</param>
/// <param name="Fault">What is wrong, for the log; null if nothing is.</param>
/// <param name="IsAway">It did not answer, or not as it should.</param>
internal readonly record struct CallAnswer(JsonElement Json, string? Fault, bool IsAway = false);

/// <summary>
/// The requests of one sign-in to the system where the user signed in, over HTTPS or on this machine. All of them
/// together have one time limit, and each answer one of size.
/// </summary>
internal sealed class SignInCalls : IDisposable
{
    private const int MaxReasonChars = 200;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    private readonly OpenIdSettings settings;
    private readonly HttpClient client;
    private readonly CancellationTokenSource limit;
    private readonly CancellationTokenSource both;

    /// <exception cref="InvalidDataException">The file of CAs can't be used.</exception>
    public SignInCalls(OpenIdSettings settings, TimeProvider clock, CancellationToken cancellation)
    {
        this.settings = settings;
        client = new HttpClient(IssuerDocuments.HandlerFor(settings.Ca, settings.Timeout))
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = settings.ResponseBytes,
        };
        client.DefaultRequestHeaders.Accept.ParseAdd("application/json");

        // GitHub answers nobody without a name.
        client.DefaultRequestHeaders.UserAgent.ParseAdd("berth");
        limit = new CancellationTokenSource(settings.Timeout, clock);
        both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
    }

    /// <summary>Sends a form, as the endpoint for tokens wants it.</summary>
    public Task<CallAnswer> PostAsync(
        string? url, IEnumerable<KeyValuePair<string, string>> form, AuthenticationHeaderValue? credentials) =>
        SendAsync(HttpMethod.Post, url, credentials, new FormUrlEncodedContent(form));

    public Task<CallAnswer> GetAsync(string? url, string token) =>
        SendAsync(HttpMethod.Get, url, new AuthenticationHeaderValue("Bearer", token), content: null);

    public void Dispose()
    {
        both.Dispose();
        limit.Dispose();
        client.Dispose();
    }

    private async Task<CallAnswer> SendAsync(
        HttpMethod method, string? url, AuthenticationHeaderValue? credentials, HttpContent? content)
    {
        if (!IssuerDocuments.TryReadAddress(url, out var address))
            return new CallAnswer(default, $"'{Shortened(url ?? "")}' is no address over HTTPS");
        using var request = new HttpRequestMessage(method, address) { Content = content };
        request.Headers.Authorization = credentials;
        try
        {
            using var answer = await client.SendAsync(request, both.Token);
            var text = await answer.Content.ReadAsStringAsync(both.Token);
            var isAway = (int)answer.StatusCode is >= 500 or 429;
            if (TryRead(text) is not { } json)
                return new CallAnswer(default, $"{address} answered {(int)answer.StatusCode}, and no JSON", isAway);
            var error = TextOf(json, "error");
            return answer.IsSuccessStatusCode && error is null
                ? new CallAnswer(json, null)
                : new CallAnswer(
                    default, $"{address} answered {(int)answer.StatusCode} {Shortened(error ?? "")}".TrimEnd(), isAway);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return new CallAnswer(
                default, $"{address} did not answer within {SettingsText.Write(settings.Timeout)}", IsAway: true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new CallAnswer(default, $"{address} can't be reached: {e.GetBaseException().Message}", IsAway: true);
        }
    }

    /// <summary>A text in an object; null if there is none of that name, or it is no Unicode.</summary>
    public static string? TextOf(JsonElement json, string name)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(name, out var value)
            || value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair, or bytes that are no UTF-8: parsing does not look into texts.
            return null;
        }
    }

    private static JsonElement? TryRead(string text)
    {
        try
        {
            return JsonElement.Parse(text, Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What another system wrote, fit for a line of the log.</summary>
    private static string Shortened(string text) => PlainText.Of(text, MaxReasonChars);
}
