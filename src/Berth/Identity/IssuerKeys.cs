using System.Text;
using Berth.Settings;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Berth.Identity;

/// <summary>
/// The keys of an issuer: found by OpenID Connect Discovery or in a file, read again when they are old or a token names
/// a key that is not among them. One reading at a time, whose answer all requests share. While the issuer is away, its
/// last keys stay valid.
/// </summary>
/// <remarks>
/// The library's ConfigurationManager does the same, but with a clock that can't be set, without a limit on how old
/// keys become, and with the new keys only for the next token.
/// </remarks>
internal sealed partial class IssuerKeys(
    KeylessIssuerSettings issuer, KeylessSettings limits, TimeProvider clock, ILogger log)
{
    private const string DiscoveryPath = "/.well-known/openid-configuration";

    private const int MaxReasonChars = 300;

    /// <summary>An issuer that is away is asked again this much later.</summary>
    private static readonly TimeSpan RetriedAfter = TimeSpan.FromSeconds(10);

    private readonly Lock starting = new();
    private volatile Held? held;
    private volatile bool isFailing;
    private Task? reading;
    private long triedAt;
    private long? refetchedAt;

    /// <summary>What the issuer said of itself when its keys were read; null before, or with a file.</summary>
    public OpenIdConnectConfiguration? Document { get; private set; }

    /// <summary>The keys, after reading them if they are due. Null if there are none and the issuer is away.</summary>
    public ValueTask<IssuerKeySet?> CurrentAsync(CancellationToken cancellation) =>
        held is { } current && AgeOf(current) < limits.RefreshInterval
            ? new ValueTask<IssuerKeySet?>(current.Keys)
            : RefreshAsync(cancellation);

    /// <summary>
    /// Newer keys than these, in which a token's key is missing; the same if they have just been read for such a token.
    /// </summary>
    public async ValueTask<IssuerKeySet> NewerAsync(IssuerKeySet known, CancellationToken cancellation)
    {
        if (Usable() is { } newer && newer != known) return newer;
        if (StartForUnknownKey() is { } started) await started.WaitAsync(cancellation);
        return Usable() ?? known;
    }

    /// <summary>The keys of an issuer that has them in a file.</summary>
    /// <exception cref="InvalidDataException">They can't be used.</exception>
    /// <exception cref="IOException">The file can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file can't be read.</exception>
    public static IssuerKeySet ReadFile(string path, long maxBytes)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[maxBytes + 1];
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (length > maxBytes) throw new InvalidDataException($"{path} is larger than auth.keyless.responsebytes");
        try
        {
            return IssuerKeySet.From(JsonWebKeySet.Create(Encoding.UTF8.GetString(bytes, 0, length)));
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{path} is no JSON Web Key Set: {e.Message}", e);
        }
    }

    private async ValueTask<IssuerKeySet?> RefreshAsync(CancellationToken cancellation)
    {
        // Nobody waits for an issuer that was away a moment ago, as long as there are keys.
        var isWaiting = Usable() is null || !isFailing;
        if (Start() is { } started && isWaiting) await started.WaitAsync(cancellation);
        return Usable();
    }

    private IssuerKeySet? Usable() =>
        held is { } current && AgeOf(current) < limits.MaximumKeyAge ? current.Keys : null;

    private TimeSpan AgeOf(Held current) => clock.GetElapsedTime(current.ReadAt);

    /// <summary>The reading that runs; null if another was a moment ago, and needs none or failed.</summary>
    private Task? Start()
    {
        lock (starting)
        {
            if (reading is { IsCompleted: false }) return reading;
            if (isFailing && clock.GetElapsedTime(triedAt) < RetriedAfter) return null;
            if (held is { } current && AgeOf(current) < limits.RefreshInterval) return null;
            return StartLocked();
        }
    }

    /// <summary>The same; null if there was a reading for an unknown key within the interval.</summary>
    private Task? StartForUnknownKey()
    {
        lock (starting)
        {
            if (refetchedAt is { } last && clock.GetElapsedTime(last) < limits.RefetchInterval)
            {
                return reading is { IsCompleted: false } ? reading : null;
            }

            refetchedAt = clock.GetTimestamp();
            return reading is { IsCompleted: false } ? reading : StartLocked();
        }
    }

    /// <summary>Of no request, so that none can cancel what others wait for.</summary>
    private Task StartLocked()
    {
        triedAt = clock.GetTimestamp();
        return reading = Task.Run(ReadAsync);
    }

    /// <summary>Never fails: what went wrong is logged when it begins.</summary>
    private async Task ReadAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(limits.Timeout, clock);
            var read = issuer.Jwks is { } file
                ? ReadFile(file, limits.ResponseBytes)
                : await DiscoverAsync(limit.Token);

            // The same object if nothing changed: tokens that it verified need not be verified again.
            held = new Held(held is { } last && last.Keys.IsSameAs(read) ? last.Keys : read, clock.GetTimestamp());
            if (isFailing) LogBack(issuer.Name);
            isFailing = false;
        }
        catch (Exception e)
        {
            if (!isFailing) LogAway(issuer.Name, ReasonOf(e));
            isFailing = true;
        }
    }

    private async Task<IssuerKeySet> DiscoverAsync(CancellationToken cancellation)
    {
        using var documents = new IssuerDocuments(issuer, limits);
        var found = await OpenIdConnectConfigurationRetriever.GetAsync(
            issuer.Url.TrimEnd('/') + DiscoveryPath, documents, cancellation);

        // OpenID Connect Discovery 1.0, section 4.3.
        if (found.Issuer != issuer.Url)
            throw new InvalidDataException($"it says that it is {found.Issuer}, so url must be that");
        var keys = IssuerKeySet.From(found.JsonWebKeySet);
        Document = found;
        return keys;
    }

    private string ReasonOf(Exception e)
    {
        if (e is OperationCanceledException) return $"no answer within {SettingsText.Write(limits.Timeout)}";

        // The library and the platform wrap the cause.
        var reason = e.GetBaseException() is { Message: var cause } && cause != e.Message
            ? $"{e.Message} {cause}"
            : e.Message;
        return reason.Length <= MaxReasonChars ? reason : reason[..MaxReasonChars] + "…";
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The keys of issuer {Issuer} can't be read: {Reason}")]
    private partial void LogAway(string issuer, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The keys of issuer {Issuer} can be read again")]
    private partial void LogBack(string issuer);

    /// <summary>Keys, and when the issuer last had them.</summary>
    private sealed record Held(IssuerKeySet Keys, long ReadAt);
}
