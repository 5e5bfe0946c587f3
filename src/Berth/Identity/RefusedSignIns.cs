using System.Net;
using Berth.Access;
using Berth.Audit;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Writes refused sign-ins into the log, in one form for tools that ban addresses, and into the audit log.
/// </summary>
internal sealed partial class RefusedSignIns(
    FailedSignInSettings settings, AuditLog audit, TimeProvider clock, ILogger<SignIn> log)
{
    private const int MaxLoggedNameChars = 128;

    /// <summary>From everywhere, for somebody who has many networks: this much more than from one.</summary>
    private const int Networks = 10;

    /// <summary>As many as wrong passwords from a network, which are slowed down instead.</summary>
    private readonly FailedSignIns noted = new(
        new FailedSignInSettings
        {
            Window = settings.Window,
            PerAccount = int.MaxValue,
            PerAddress = settings.PerAddress,
            PerAccountFromAnywhere = (int)Math.Min((long)settings.PerAddress * Networks, int.MaxValue),
        },
        clock);

    private long toldAt = long.MinValue;

    /// <summary>Notes a guess, of which there are not many: whoever guesses wrong has to wait.</summary>
    /// <param name="http">The request.</param>
    /// <param name="user">The name that was given; empty if none was.</param>
    /// <param name="reason">Why, for the operator.</param>
    public void Note(HttpContext http, string user, string reason)
    {
        var shortened = user.Length > MaxLoggedNameChars ? user[..MaxLoggedNameChars] : user;
        LogRefused(reason, ClientNetwork.Unmapped(http.Connection.RemoteIpAddress), shortened);
        audit.NoteFailedSignIn(http, user, reason);
    }

    /// <summary>
    /// Notes something that nobody can guess, such as a token or a passkey's answer. So nobody has to wait after a
    /// wrong one, and after too many from a network the others are not noted: they would fill the logs.
    /// </summary>
    public void NoteUnslowed(HttpContext http, string user, string reason)
    {
        if (MayNote(http)) Note(http, user, reason);
    }

    /// <summary>Whether something may be noted that a client can cause as often as it likes.</summary>
    public bool MayNote(HttpContext http)
    {
        var client = http.Connection.RemoteIpAddress;
        if (noted.TryGuess("", client)) return true;
        var last = Interlocked.Read(ref toldAt);
        var isToldLately = last != long.MinValue && clock.GetElapsedTime(last) < settings.Window;
        if (!isToldLately && Interlocked.CompareExchange(ref toldAt, clock.GetTimestamp(), last) == last)
            LogMore(ClientNetwork.Unmapped(client));
        return false;
    }

    /// <summary>The name comes last: it may look like an address, and tools that ban addresses use the first.</summary>
    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Sign-in failed: {Reason}: client={Client} user={User}")]
    private partial void LogRefused(string reason, IPAddress? client, string user);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Sign-in failed: too often to note each (auth.failedsignins.peraddress): client={Client}")]
    private partial void LogMore(IPAddress? client);
}
