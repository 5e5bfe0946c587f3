using System.Text.Json;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Berth.Cli;

/// <summary>
/// A command that speaks the API: to a server, or on the database where it lies. Exits with 0 if it was done, 1 if the
/// API refused it, 2 if it could not run, and 3 if it did its work and found what a pipeline is to stop at.
/// </summary>
internal static class ApiCommand
{
    /// <summary>How a command ends that found what a pipeline is to stop at.</summary>
    private const int VerdictExitCode = 3;

    /// <param name="name">The command.</param>
    /// <param name="description">What it does.</param>
    /// <param name="run">Does it.</param>
    /// <param name="symbols">Its arguments and options, besides those that all have.</param>
    public static Command Create(
        string name, string description, Func<ApiCall, Task> run, params IReadOnlyList<Symbol> symbols) =>
        Create(name, description, _ => MissingDatabase.Refuse, run, symbols);

    /// <summary>The same for a command that may make the database.</summary>
    public static Command Create(
        string name, string description, Func<ParseResult, MissingDatabase> missing, Func<ApiCall, Task> run,
        IReadOnlyList<Symbol> symbols)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) command.Add(argument);
            else command.Add((Option)symbol);
        }

        var options = new ApiOptions();
        options.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            SavedToken? saved = null;
            try
            {
                saved = await FindSavedAsync(options, parsed, cancellation);
                if (await OpenAsync(options, parsed, saved, missing, cancellation) is not { } api) return 2;
                await using var opened = api;
                await run(new ApiCall(parsed, api, parsed.GetValue(options.Json), cancellation)
                {
                    ConfigFile = parsed.GetValue(options.Config),
                });
                return 0;
            }
            catch (ApiRefusalException e)
            {
                var advice = e.IsSignIn && saved is not null ? $": {saved.Advice}" : "";
                await Console.Error.WriteLineAsync($"{NameOf(parsed)}: {e.Message}{advice}");
                return e.IsVerdict ? VerdictExitCode : 1;
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
                or SqliteException or NpgsqlException or DatabaseUnavailableException or StartException
                or HttpRequestException or JsonException or OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"{NameOf(parsed)}: {ApiConnection.Explain(e)}");
                return 2;
            }
        });
        return command;
    }

    /// <summary>A command that has others.</summary>
    public static Command Group(string name, string description, params ReadOnlySpan<Command> commands)
    {
        var group = new Command(name, description);
        foreach (var command in commands) group.Add(command);
        return group;
    }

    public static Argument<string> Argument(string name, string description) =>
        new(name) { Description = description };

    /// <summary>Whether everyone sees something.</summary>
    /// <param name="ofPublic">What is so if it is public.</param>
    public static Argument<string> Visibility(string ofPublic)
    {
        var visibility = Argument("VISIBILITY", $"public: {ofPublic}; or private.");
        visibility.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && given.Value is not ("public" or "private"))
                result.AddError($"VISIBILITY must be public or private, not '{given.Value}'.");
        });
        return visibility;
    }

    /// <summary>The command that says what repositories are when they are first pushed.</summary>
    /// <param name="path">Of those whose namespace it is, such as <c>users</c>.</param>
    /// <param name="name">The argument with their name.</param>
    public static Command CreateVisibility(string path, Argument<string> name)
    {
        var visibility = Visibility("everyone may pull from repositories that are first pushed from now on");
        return Create(
            "visibility", "Say what repositories of the namespace are when they are first pushed.",
            call => call.DoAsync(
                "PATCH", $"{path}/{call.PathOf(name)}",
                new JsonObject { ["makesPublic"] = call.Parsed.GetValue(visibility) == "public" },
                _ => $"New repositories of {call.Parsed.GetValue(name)} are {call.Parsed.GetValue(visibility)} now."),
            name, visibility);
    }

    /// <summary>The number of something in a list.</summary>
    public static Argument<long> Id(string description)
    {
        var id = new Argument<long>("ID") { Description = description };
        id.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !long.TryParse(given.Value, out _))
                result.AddError($"ID must be a number, not '{given.Value}'.");
        });
        return id;
    }

    public static Option<int?> Number(string name, string description)
    {
        var number = new Option<int?>(name) { Description = description };
        number.Validators.Add(result =>
        {
            if (result.Tokens is [var given] && !int.TryParse(given.Value, out _))
                result.AddError($"{name} must be a number, not '{given.Value}'.");
        });
        return number;
    }

    public static Option<string?> Text(string name, string description) => new(name) { Description = description };

    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary>The token of <c>berth login</c>, if it is to be used: whoever names credentials means those.</summary>
    private static async Task<SavedToken?> FindSavedAsync(
        ApiOptions options, ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(options.Server) is not { } server || parsed.GetValue(options.User) is not null
            || TokenInEnvironment is not null)
        {
            return null;
        }

        var saved = await SavedTokens.FindAsync(ApiConnection.AddressOf(server), cancellation);
        if (saved?.ExpiresAt is { } end && end <= TimeProvider.System.GetUtcNow())
        {
            throw new ApiRefusalException(
                $"the token for {saved.Server} ended at {ApiCall.Write(end)}: {saved.Advice}");
        }

        return saved;
    }

    private static async Task<ApiConnection?> OpenAsync(
        ApiOptions options, ParseResult parsed, SavedToken? saved, Func<ParseResult, MissingDatabase> missing,
        CancellationToken cancellation)
    {
        var (user, files) = (parsed.GetValue(options.User), options.Tls.Read(parsed));
        if (parsed.GetValue(options.Server) is { } server)
        {
            var address = ApiConnection.AddressOf(server);
            if (saved is not null)
                return new ApiConnection(address, ApiConnection.Bearer(saved.Secret), saved.With(files));
            var isNamedByCertificate = user is null && TokenInEnvironment is null && files.Certificate is not null;
            return new ApiConnection(
                address, isNamedByCertificate ? null : await ReadCredentialsAsync(user, server, cancellation), files);
        }

        if (user is not null || files.AreAny)
        {
            throw new InvalidDataException(
                "--user, --ca, --cert and --key are for a --server; without it, nobody signs in");
        }

        if (SettingsOption.LoadQuietly(parsed.GetValue(options.Config)) is not { } settings) return null;
        return new ApiConnection(await LocalApi.OpenAsync(settings, missing(parsed), cancellation));
    }

    private static async Task<AuthenticationHeaderValue> ReadCredentialsAsync(
        string? user, string server, CancellationToken cancellation)
    {
        if (TokenInEnvironment is { } token)
            return user is null ? ApiConnection.Bearer(token) : ApiConnection.Basic(user, token);
        if (user is null)
        {
            throw new InvalidDataException(
                $"name who signs in with --user, set BERTH_TOKEN, or run `berth login {server}`");
        }

        var given = Environment.GetEnvironmentVariable("BERTH_PASSWORD");
        if (given is "" && Console.IsInputRedirected && Console.In.Peek() < 0)
            throw new InvalidDataException("BERTH_PASSWORD is empty: set it to the password, or write it to the input");
        var password = given is { Length: > 0 }
            ? given
            : await StandardInput.ReadPasswordAsync($"Password of {user}: ", cancellation);
        return ApiConnection.Basic(user, password);
    }

    private static string? TokenInEnvironment =>
        Environment.GetEnvironmentVariable("BERTH_TOKEN") is { Length: > 0 } token ? token : null;

    private static string NameOf(ParseResult parsed)
    {
        var names = new List<string>();
        for (var part = parsed.CommandResult; part is not null; part = part.Parent as CommandResult)
            names.Insert(0, part.Parent is null ? "berth" : part.Command.Name);
        return string.Join(' ', names);
    }
}
