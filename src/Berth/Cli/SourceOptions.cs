using System.CommandLine;
using System.Net.Security;
using Berth.Import;
using Berth.Oci;

namespace Berth.Cli;

/// <summary>The options of <c>berth import</c> that are for a registry at an address.</summary>
internal sealed class SourceOptions
{
    private const int DefaultParallel = 4;
    private const int MaxParallel = 64;

    private readonly Option<string?> user = ApiCommand.Text(
        "--from-user", "Who signs in at the registry at an address (BERTH_FROM_PASSWORD). Default: as docker login.");

    private readonly Option<string?> authority = ApiCommand.Text(
        "--from-ca", "File with the CA certificates to trust there (PEM).");

    private readonly Option<string[]> repositories = new("--repository")
    {
        Description = "Only this repository there, or all that match: acme/app, acme/*, acme/**. May be repeated.",
    };

    private readonly Option<string?> file = ApiCommand.Text("--repositories", "File with repositories, one per line.");

    private readonly Option<string[]> tags = new("--tag")
    {
        Description = "Only this tag, or all that match: v1.*, or a regular expression: /^v\\d+$/. May be repeated.",
    };

    private readonly Option<string[]> except = new("--except-tag")
    {
        Description = "But not this tag, or those that match. May be repeated.",
    };

    private readonly Option<int?> parallel = ApiCommand.Number(
        "--parallel", $"How many images and blobs are copied at once. Default: {DefaultParallel}.");

    public IReadOnlyList<Option> All => [user, authority, repositories, file, tags, except, parallel];

    /// <summary>Those that were given; they mean nothing for a path.</summary>
    public string? FirstGiven(ParseResult parsed) =>
        All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false })?.Name;

    /// <exception cref="InvalidDataException">It is no number that can be.</exception>
    public int Parallel(ParseResult parsed) => parsed.GetValue(parallel) switch
    {
        null => DefaultParallel,
        >= 1 and <= MaxParallel and var count => count,
        _ => throw new InvalidDataException($"--parallel is from 1 to {MaxParallel}"),
    };

    /// <exception cref="InvalidDataException">A pattern or a file can't be understood.</exception>
    public async Task<SourceSelection> ReadAsync(
        ParseResult parsed, SourceAddress address, string? to, CancellationToken cancellation)
    {
        var names = new List<string>(parsed.GetValue(repositories) ?? []);
        if (parsed.GetValue(file) is { } path)
        {
            await foreach (var line in File.ReadLinesAsync(path, cancellation))
            {
                if (line.Trim() is { Length: > 0 } name && name[0] != '#') names.Add(name);
            }
        }

        if (to is not null && !RepositoryName.TryParse(to.TrimEnd('/'), out _))
            throw new InvalidDataException($"'{to}' is no name of repositories: write mirror, or acme/app");
        return new SourceSelection(
            address, names.ConvertAll(ReadName), ReadTags(parsed.GetValue(tags)), ReadTags(parsed.GetValue(except)),
            to?.TrimEnd('/'));
    }

    /// <summary>Who signs in there: kept by nobody, and sent to nobody else.</summary>
    public async Task<SourceCredentials?> ReadCredentialsAsync(
        ParseResult parsed, SourceAddress address, CancellationToken cancellation)
    {
        if (parsed.GetValue(user) is not { } name)
            return await DockerCredentials.FindAsync(address.Host, cancellation);
        var password = Environment.GetEnvironmentVariable("BERTH_FROM_PASSWORD") is { Length: > 0 } given
            ? given
            : await StandardInput.ReadPasswordAsync($"Password of {name} at {address.Host}: ", cancellation);
        return new SourceCredentials(name, password);
    }

    /// <exception cref="InvalidDataException">The file can't be used.</exception>
    public SslClientAuthenticationOptions ReadTls(ParseResult parsed) =>
        new TlsFiles(parsed.GetValue(authority), Certificate: null, Key: null).Load();

    private static NamePattern ReadName(string text) => NamePattern.TryParse(text, out var pattern)
        ? pattern
        : throw new InvalidDataException($"'{text}' matches no repository: write acme/app, acme/* or acme/**");

    private static List<TagPattern> ReadTags(string[]? texts) => [.. (texts ?? []).Select(text =>
        TagPattern.TryParse(text, out var fault) ?? throw new InvalidDataException(fault))];
}
