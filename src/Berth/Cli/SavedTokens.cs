using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Berth.Cli;

/// <summary>A token that <c>berth login</c> got for this machine.</summary>
/// <param name="Server">The server's address, as the file has it.</param>
/// <param name="User">Whose it is.</param>
/// <param name="Secret">The token.</param>
/// <param name="ExpiresAt">When it ends; null if that is not known.</param>
/// <param name="Authority">The file with the certificates that the server's may be signed with, or null.</param>
internal sealed record SavedToken(
    string Server, string User, string Secret, DateTimeOffset? ExpiresAt, string? Authority)
{
    /// <summary>What to do if it is not good any more.</summary>
    public string Advice => $"run `berth login {Server}` again";

    /// <summary>The files of a command: whose certificates are trusted need not be named again.</summary>
    public TlsFiles With(TlsFiles given) => given with { Authority = given.Authority ?? Authority };
}

/// <summary>
/// The tokens of <c>berth login</c>, in <c>~/.config/berth/credentials.json</c>, which only its owner can read.
/// </summary>
internal static class SavedTokens
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>XDG Base Directory Specification: a folder that is not absolute does not count.</summary>
    public static string FilePath => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } folder && Path.IsPathRooted(folder)
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
        "berth", "credentials.json");

    /// <summary>The name of a server in the file.</summary>
    public static string NameOf(Uri server) => server.GetLeftPart(UriPartial.Path).TrimEnd('/');

    /// <summary>The token for a server; null if there is none.</summary>
    /// <exception cref="InvalidDataException">The file can't be understood.</exception>
    public static async Task<SavedToken?> FindAsync(Uri server, CancellationToken cancellation)
    {
        var name = NameOf(server);
        if ((await ReadAsync(cancellation))[name] is not JsonObject entry || TextOf(entry, "token") is not { } secret)
            return null;
        var isTime = DateTimeOffset.TryParse(
            TextOf(entry, "expiresAt"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end);
        return new SavedToken(
            name, TextOf(entry, "name") ?? "", secret, isTime ? end : null, TextOf(entry, "ca"));
    }

    /// <summary>Makes sure that a token could be kept, before anybody gets one.</summary>
    /// <exception cref="InvalidDataException">The file can't be understood.</exception>
    /// <exception cref="IOException">It can't be written.</exception>
    public static async Task RequireWritableAsync(CancellationToken cancellation) =>
        await WriteAsync(await ReadAsync(cancellation), cancellation);

    /// <exception cref="InvalidDataException">The file can't be understood.</exception>
    public static async Task PutAsync(SavedToken token, CancellationToken cancellation)
    {
        var all = await ReadAsync(cancellation);
        all[token.Server] = new JsonObject
        {
            ["name"] = token.User,
            ["token"] = token.Secret,
            ["expiresAt"] = token.ExpiresAt?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            ["ca"] = token.Authority,
        };
        await WriteAsync(all, cancellation);
    }

    /// <exception cref="InvalidDataException">The file can't be understood.</exception>
    public static async Task RemoveAsync(SavedToken token, CancellationToken cancellation)
    {
        var all = await ReadAsync(cancellation);
        if (all.Remove(token.Server)) await WriteAsync(all, cancellation);
    }

    private static async Task<JsonObject> ReadAsync(CancellationToken cancellation)
    {
        var path = FilePath;
        if (!File.Exists(path)) return [];
        try
        {
            var text = await File.ReadAllTextAsync(path, cancellation);
            return JsonNode.Parse(text, nodeOptions: null, Strict) as JsonObject ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{path} is not what `berth login` writes: remove it, and run `berth login` again", e);
        }
    }

    /// <summary>Nobody else may read it at any moment, and a full disk must not cost what was there.</summary>
    private static async Task WriteAsync(JsonObject all, CancellationToken cancellation)
    {
        var path = FilePath;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, Private | UnixFileMode.UserExecute);
        var fresh = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = Private,
        };

        // One may be left by a command that was killed, and had the same number, as all have in containers.
        File.Delete(fresh);
        try
        {
            await using (var writer = new StreamWriter(fresh, options))
            {
                await writer.WriteAsync(all.ToJsonString().AsMemory(), cancellation);
            }

            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }

    private static string? TextOf(JsonObject json, string name) =>
        json[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
