using System.Net;
using Berth.Access;
using Berth.Audit;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Writes refused sign-ins into the log, in one form for tools that ban addresses, and into the audit log.
/// </summary>
internal sealed partial class RefusedSignIns(AuditLog audit, ILogger<SignIn> log)
{
    private const int MaxLoggedNameChars = 128;

    /// <param name="http">The request.</param>
    /// <param name="user">The name that was given; empty if none was.</param>
    /// <param name="reason">Why, for the operator.</param>
    public void Note(HttpContext http, string user, string reason)
    {
        var shortened = user.Length > MaxLoggedNameChars ? user[..MaxLoggedNameChars] : user;
        LogRefused(reason, ClientNetwork.Unmapped(http.Connection.RemoteIpAddress), shortened);
        audit.NoteFailedSignIn(http, user, reason);
    }

    /// <summary>The name comes last: it may look like an address, and tools that ban addresses use the first.</summary>
    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Sign-in failed: {Reason}: client={Client} user={User}")]
    private partial void LogRefused(string reason, IPAddress? client, string user);
}
