using System.Formats.Asn1;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What a directory says about a name and a password.</summary>
internal enum LdapOutcome
{
    Right,

    /// <summary>The password is wrong, there is not exactly one such user, or the user may not sign in.</summary>
    Wrong,

    /// <summary>Not asked: too many sign-ins are waiting. The client may retry in a moment.</summary>
    Busy,

    /// <summary>No server could be asked.</summary>
    Unavailable,
}

/// <summary>The answer of a directory.</summary>
/// <param name="Outcome">What it says.</param>
/// <param name="User">The user, if the password is right.</param>
/// <param name="Reason">For the log, never for the client; null if the password is right.</param>
internal readonly record struct LdapAnswer(LdapOutcome Outcome, ExternalUser? User, string? Reason)
{
    public static LdapAnswer Right(ExternalUser user) => new(LdapOutcome.Right, user, null);

    public static LdapAnswer Wrong(string reason) => new(LdapOutcome.Wrong, null, reason);

    public static LdapAnswer Busy() => new(LdapOutcome.Busy, null, "too many sign-ins wait for the directory");

    public static LdapAnswer Unavailable(string reason) => new(LdapOutcome.Unavailable, null, reason);
}

/// <summary>
/// Checks passwords by a directory that speaks LDAP. A limited number of sign-ins ask it at once; the others wait, and
/// beyond a limit are refused. Nothing is remembered here.
/// </summary>
internal sealed class LdapDirectory : IDisposable
{
    private readonly LdapSettings settings;
    private readonly LdapSignIn signIn;
    private readonly LdapServers servers;
    private readonly TimeProvider clock;
    private readonly SemaphoreSlim places;
    private int present;

    /// <param name="settings">As <see cref="SettingsCheck"/> lets pass.</param>
    /// <param name="clock">For the timeouts.</param>
    /// <param name="log">Gets what concerns the directory rather than one sign-in.</param>
    public LdapDirectory(LdapSettings settings, TimeProvider clock, ILogger<LdapDirectory> log)
    {
        (this.settings, this.clock) = (settings, clock);
        signIn = new LdapSignIn(settings, log);
        servers = new LdapServers([.. settings.Servers.Select(Address)], settings.RetryAfter, clock, log);
        places = new SemaphoreSlim(settings.Connections);
    }

    /// <summary>Asks the directory whether a user's password is right.</summary>
    /// <param name="user">What was typed as a name: any text.</param>
    /// <param name="password">Any text.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async ValueTask<LdapAnswer> CheckAsync(string user, string password, CancellationToken cancellation)
    {
        // Directories take a name without a password for nobody, and nobody may sign in (RFC 4513, section 5.1.2).
        if (password.Length == 0) return LdapAnswer.Wrong("the password is empty");
        return user.Length == 0 ? LdapAnswer.Wrong("the name is empty") : await AskAsync(user, password, cancellation);
    }

    /// <summary>Asks the directory whether a user who signed in before may still do so.</summary>
    /// <param name="user">The user's name there.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public ValueTask<LdapAnswer> FindAsync(string user, CancellationToken cancellation) =>
        AskAsync(user, password: null, cancellation);

    private async ValueTask<LdapAnswer> AskAsync(string user, string? password, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref present) > settings.Connections + settings.Waiting)
        {
            Interlocked.Decrement(ref present);
            return LdapAnswer.Busy();
        }

        try
        {
            if (!await places.WaitAsync(settings.Timeout, cancellation)) return LdapAnswer.Busy();
            try
            {
                return await AskServersAsync(user, password, cancellation);
            }
            finally
            {
                places.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref present);
        }
    }

    public void Dispose() => places.Dispose();

    private async Task<LdapAnswer> AskServersAsync(string user, string? password, CancellationToken cancellation)
    {
        var reasons = new List<string>();
        foreach (var server in servers.InOrder())
        {
            using var limit = new CancellationTokenSource(settings.Timeout, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
            string reason;
            try
            {
                var answer = await signIn.CheckAsync(server, user, password, either.Token);
                servers.NoteAnswer(server);
                return answer;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                reason = $"no answer within auth.ldap.timeout, {SettingsText.Write(settings.Timeout)}";
            }
            catch (Exception e) when (e is LdapException or SocketException or IOException or AuthenticationException
                or AsnContentException or CryptographicException or UnauthorizedAccessException)
            {
                cancellation.ThrowIfCancellationRequested();
                reason = e is AsnContentException ? "it sent something malformed" : e.Message;
            }

            servers.NoteFailure(server, reason);
            reasons.Add($"{server}: {reason}");
        }

        return LdapAnswer.Unavailable(string.Join("; ", reasons));
    }

    private static LdapAddress Address(string url) => LdapAddress.TryParse(url, out var address)
        ? address
        : throw new FormatException($"'{url}' is not the URL of a directory.");
}
