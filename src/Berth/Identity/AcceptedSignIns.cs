using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Notes in the audit log who signs in with what they send along with each request. A client that goes on with it is
/// noted once an hour, for each of its tokens and networks: its pulls would fill the log.
/// </summary>
internal sealed class AcceptedSignIns(AuditLog audit, TimeProvider clock)
{
    /// <summary>Some 4 MB when full. What is forgotten before the hour ends is noted again.</summary>
    private const int Kept = 20_000;

    /// <summary>Two numbers, an address and the longest name of an account.</summary>
    private const int UsualKeyChars = 160;

    private static readonly TimeSpan NotedAgainAfter = TimeSpan.FromHours(1);

    private readonly BoundedCache<long> noted = new(Kept);
    private readonly Lock noting = new();

    /// <param name="http">The request.</param>
    /// <param name="caller">
    /// Who sent it. An access token and a browser's cookie come from a sign-in that was noted.
    /// </param>
    public void Note(HttpContext http, Caller caller)
    {
        if (!audit.IsEnabled) return;
        if (caller.Method is SignInMethod.None or SignInMethod.Token or SignInMethod.Session) return;
        var network = ClientNetwork.Of(http.Connection.RemoteIpAddress);
        Span<char> room = stackalloc char[UsualKeyChars];
        ReadOnlySpan<char> key = room.TryWrite(
            $"{(int)caller.Method} {caller.SecretId} {network} {caller.Name}", out var length)
                ? room[..length] : $"{(int)caller.Method} {caller.SecretId} {network} {caller.Name}";
        if (IsNoted(key)) return;
        lock (noting)
        {
            if (IsNoted(key)) return;
            noted.Set(key.ToString(), clock.GetTimestamp(), cost: 1);
        }

        audit.Note(http, "sign-in", isDone: true, entry => entry with
        {
            Actor = caller.Name,
            Method = Roles.Word(caller.Method),
            SecretId = caller.SecretId,
        });
    }

    private bool IsNoted(ReadOnlySpan<char> key) =>
        noted.TryGet(key, out var at) && clock.GetElapsedTime(at) < NotedAgainAfter;
}
