using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Berth.Import;

namespace Berth.Cli;

/// <summary>
/// What <c>docker login</c>, and podman's and skopeo's, keep for a registry: in the file <c>config.json</c>, or with
/// one of docker's credential helpers.
/// </summary>
internal static partial class DockerCredentials
{
    private const int MaxFileBytes = 4 << 20;

    /// <summary>Where it is looked for, the first that is there.</summary>
    private static IEnumerable<string> Files()
    {
        if (Variable("REGISTRY_AUTH_FILE") is { } file) yield return file;
        if (Variable("DOCKER_CONFIG") is { } folder) yield return Path.Combine(folder, "config.json");
        else yield return Path.Combine(Home, ".docker", "config.json");
        if (Variable("XDG_RUNTIME_DIR") is { } runtime) yield return Path.Combine(runtime, "containers", "auth.json");
    }

    /// <summary>Credentials for a registry; null if there are none.</summary>
    /// <param name="host">Its name, with its port.</param>
    /// <param name="cancellation">Cancels.</param>
    /// <exception cref="InvalidDataException">A file or a helper can't be used.</exception>
    public static async Task<SourceCredentials?> FindAsync(string host, CancellationToken cancellation)
    {
        foreach (var path in Files().Where(File.Exists))
        {
            if (new FileInfo(path).Length > MaxFileBytes) throw new InvalidDataException($"{path} is too large");
            try
            {
                using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(path, cancellation));
                if (await FindAsync(json.RootElement, host, cancellation) is { } found) return found;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
            {
                throw new InvalidDataException($"{path} can't be understood: {e.Message}", e);
            }
        }

        return null;
    }

    private static async Task<SourceCredentials?> FindAsync(
        JsonElement config, string host, CancellationToken cancellation)
    {
        foreach (var key in KeysOf(host))
        {
            if (TextAt(config, "credHelpers", key) is { } helper)
                return await AskAsync(helper, key, cancellation);
            if (!config.TryGetProperty("auths", out var all) || !all.TryGetProperty(key, out var entry)) continue;
            if (Read(entry) is { } found) return found;
            if (TextOf(config, "credsStore") is { } store) return await AskAsync(store, key, cancellation);
        }

        return null;
    }

    /// <summary>The names that clients keep it under.</summary>
    private static IEnumerable<string> KeysOf(string host)
    {
        yield return host;
        yield return $"https://{host}";
        yield return $"http://{host}";
        if (host != "docker.io") yield break;
        yield return $"https://index.{host}/v1/";
        yield return $"index.{host}";
    }

    private static SourceCredentials? Read(JsonElement entry)
    {
        var token = TextOf(entry, "identitytoken");
        if (TextOf(entry, "auth") is not { } auth)
        {
            return TextOf(entry, "username") is { } user
                ? new SourceCredentials(user, TextOf(entry, "password") ?? "", token) : null;
        }

        var text = Encoding.UTF8.GetString(Convert.FromBase64String(auth));
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? throw new FormatException("auth has no password")
            : new SourceCredentials(text[..colon], text[(colon + 1)..].TrimEnd('\0'), token);
    }

    /// <summary>docker-credential-helpers: the key goes in, and a name and a secret come out.</summary>
    private static async Task<SourceCredentials?> AskAsync(string helper, string key, CancellationToken cancellation)
    {
        if (!HelperName().IsMatch(helper)) throw new InvalidDataException($"'{helper}' is no credential helper");
        var program = $"docker-credential-{helper}";
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["get"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
            await process.StandardInput.WriteAsync(key.AsMemory(), cancellation);
            process.StandardInput.Close();
            var output = await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0) return null;
            using var json = JsonDocument.Parse(output);
            var (user, secret) = (TextOf(json.RootElement, "Username") ?? "", TextOf(json.RootElement, "Secret") ?? "");
            return user == "<token>" ? new SourceCredentials("", "", secret) : new SourceCredentials(user, secret);
        }
        catch (Win32Exception e)
        {
            throw new InvalidDataException(
                $"{program}, which has the password for {key}, can't be run ({e.Message}): name the user with "
                + "--from-user", e);
        }
    }

    private static string? TextAt(JsonElement config, string section, string key) =>
        config.TryGetProperty(section, out var entries) ? TextOf(entries, key) : null;

    private static string? TextOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static string Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    [GeneratedRegex(@"\A[A-Za-z0-9_.-]+\z")]
    private static partial Regex HelperName();
}
