using Berth.Settings;

namespace Berth.Identity;

/// <summary>What another system's page said of who signed in there.</summary>
/// <param name="User">Null if nobody did, or it can't be believed.</param>
/// <param name="Reason">Why not, for the log.</param>
/// <param name="IsAway">The system did not answer.</param>
internal readonly record struct BrowserAnswer(ExternalUser? User, string? Reason, bool IsAway = false)
{
    public static BrowserAnswer Refused(string reason) => new(null, reason);

    public static BrowserAnswer Of(CallAnswer failed) => new(null, failed.Fault, failed.IsAway);
}

/// <summary>A system at whose page people sign in with their browser.</summary>
internal abstract class BrowserSignIn(OpenIdSettings settings)
{
    public OpenIdSettings Settings => settings;

    /// <summary>The address of the page for an attempt; null if the system is away.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="returnUrl">Where the page sends the browser afterwards.</param>
    /// <param name="cancellation">Gives up.</param>
    public abstract ValueTask<string?> FindPageAsync(
        SignInAttempt attempt, string returnUrl, CancellationToken cancellation);

    /// <summary>Finds out who signed in.</summary>
    /// <param name="attempt">The attempt, whose state the answer had.</param>
    /// <param name="query">What the page sent along with the browser.</param>
    /// <param name="returnUrl">As before.</param>
    /// <param name="cancellation">Gives up.</param>
    public abstract Task<BrowserAnswer> FinishAsync(
        SignInAttempt attempt, IQueryCollection query, string returnUrl, CancellationToken cancellation);

    /// <summary>The secret, without the end of line that files have.</summary>
    /// <exception cref="IOException">The file can't be read.</exception>
    protected async Task<string?> ReadSecretAsync(CancellationToken cancellation) =>
        settings.ClientSecretFile is { } file
            ? (await File.ReadAllTextAsync(file, cancellation)).Trim()
            : settings.ClientSecret;

    protected static string WithQuery(string url, params ReadOnlySpan<(string Name, string Value)> query)
    {
        var separator = url.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        foreach (var (name, value) in query)
        {
            url += $"{separator}{name}={Uri.EscapeDataString(value)}";
            separator = '&';
        }

        return url;
    }
}
