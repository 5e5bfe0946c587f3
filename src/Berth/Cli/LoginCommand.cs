using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Access;

namespace Berth.Cli;

/// <summary>
/// <c>berth login</c>: gets a personal token for this machine, which a person confirms in a browser (RFC 8628), and
/// keeps it. Exits with 1 if it was refused, and 2 if it could not run.
/// </summary>
internal static class LoginCommand
{
    private const int MaxAnswerBytes = 64 * 1024;

    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var server = new Argument<string>("SERVER")
        {
            Description = "The registry's address, such as https://registry.example.com.",
        };
        var name = new Option<string?>("--name") { Description = "What the token is called. Default: this machine." };
        var tls = new TlsOptions();
        var command = new Command("login", "Get a personal token for this machine by signing in with a browser.")
        {
            server, name,
        };
        foreach (var option in tls.All) command.Add(option);
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                var address = ApiConnection.AddressOf(parsed.GetValue(server)!);
                return await RunAsync(
                    address, parsed.GetValue(name) ?? Environment.MachineName, tls.Read(parsed), TimeProvider.System,
                    cancellation);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or HttpRequestException or OperationCanceledException or JsonException)
            {
                await Console.Error.WriteLineAsync($"berth login: {ApiConnection.Explain(e)}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(
        Uri server, string name, TlsFiles files, TimeProvider clock, CancellationToken cancellation)
    {
        using var client = new HttpClient(ApiConnection.HandlerFor(files))
        {
            BaseAddress = new Uri(server.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/"),
            Timeout = LongestRequest,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
        await SavedTokens.RequireWritableAsync(cancellation);
        var begun = await PostAsync(client, "auth/device", "name", name, cancellation);
        if (TextOf(begun, "device_code") is not { } secret)
            throw new InvalidDataException(ShownOf(begun, "detail") ?? "the server did not answer as a Berth does");
        Console.WriteLine(
            $"""
            Open this page in a browser, and check that it shows the code {ShownOf(begun, "user_code")}:

              {ShownOf(begun, "verification_uri_complete")}

            """);
        var wait = TimeSpan.FromSeconds(Math.Clamp((int?)begun["interval"] ?? 5, 1, 60));
        while (true)
        {
            await Task.Delay(wait, clock, cancellation);
            var answer = await PostAsync(client, "auth/device/token", "device_code", secret, cancellation);
            if (TextOf(answer, "access_token") is { } token)
            {
                await KeepAsync(server, answer, token, files, cancellation);
                return 0;
            }

            switch (TextOf(answer, "error"))
            {
                case "authorization_pending":
                    break;
                case "slow_down":
                    wait += TimeSpan.FromSeconds(5);
                    break;
                case "access_denied":
                    await Console.Error.WriteLineAsync("berth login: it was refused");
                    return 1;
                default:
                    await Console.Error.WriteLineAsync("berth login: the code has expired; run it again");
                    return 1;
            }
        }
    }

    private static async Task KeepAsync(
        Uri server, JsonObject answer, string secret, TlsFiles files, CancellationToken cancellation)
    {
        var user = ShownOf(answer, "name") ?? "";
        var isTime = DateTimeOffset.TryParse(
            TextOf(answer, "expires_at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end);
        var token = new SavedToken(
            SavedTokens.NameOf(server), user, secret, isTime ? end : null,
            files.Authority is null ? null : Path.GetFullPath(files.Authority));
        try
        {
            await SavedTokens.PutAsync(token, cancellation);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            // Nobody would know of it, and it would be good for months.
            await LogoutCommand.RevokeAsync(server, token, files, cancellation);
            throw;
        }

        var name = SavedTokens.NameOf(server);
        var shownEnd = isTime ? ApiCall.Write(end) : ShownOf(answer, "expires_at");
        Console.WriteLine(
            $"""
            Signed in as {user}. The token is in {SavedTokens.FilePath}, which only you can read. Other commands
            use it with --server {name}, until `berth logout {name}`.
            For docker, give it as the password to docker login {server.Authority} -u {user}

              {secret}

            It ends at {shownEnd}; `berth token list {user} --server {name}` shows it.
            """);
    }

    private static async Task<JsonObject> PostAsync(
        HttpClient client, string path, string field, string value, CancellationToken cancellation)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { [field] = value });
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), form, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (answer.Content.Headers.ContentType?.MediaType == "application/json")
            return JsonNode.Parse(text) as JsonObject ?? [];
        throw new InvalidDataException($"the server answered {(int)answer.StatusCode}: has it users with accounts?");
    }

    /// <summary>A text as a terminal may have it: without control characters, whatever the server sends.</summary>
    private static string? ShownOf(JsonObject json, string name) =>
        TextOf(json, name) is { } text ? PlainText.Of(text) : null;

    private static string? TextOf(JsonObject json, string name) =>
        json[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
