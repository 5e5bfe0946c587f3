using Berth.Access;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Notes in the audit log who signs in with what they send along with each request. A client that goes on with it is
/// noted once an hour, for each of its tokens and networks: its pulls would fill the log. Whose account is disabled, or
/// has expired, is noted as denied.
/// </summary>
internal sealed class AcceptedSignIns(AuditLog audit, AccessRules access, TimeProvider clock)
{
    /// <summary>Some 4 MB when full. What is forgotten before the hour ends is noted again.</summary>
    private const int Kept = 20_000;

    /// <summary>Two numbers, an address and the longest name of an account.</summary>
    private const int UsualKeyChars = 160;

    /// <summary>Why an account that is not in force does not let in.</summary>
    public const string AccountOver = "this account is disabled, or has expired";

    private static readonly TimeSpan NotedAgainAfter = TimeSpan.FromHours(1);

    private readonly BoundedCache<long> noted = new(Kept);
    private readonly Lock noting = new();

    /// <param name="http">The request.</param>
    /// <param name="caller">
    /// Who sent it. An access token and a browser's cookie come from a sign-in that was noted.
    /// </param>
    /// <exception cref="DatabaseUnavailableException">The account is not remembered, and can't be read.</exception>
    public async ValueTask NoteAsync(HttpContext http, Caller caller)
    {
        if (!audit.IsEnabled) return;
        if (caller.Method is SignInMethod.None or SignInMethod.Token or SignInMethod.Session) return;
        var isValid = caller.Id is null || (await access.RightsOfAsync(caller, http.RequestAborted)).AreValid;
        if (isValid) Note(http, caller);
        else NoteOver(http, caller);
    }

    /// <summary>Notes that an account that is not in force let nobody in, though all else was right.</summary>
    public void NoteOver(HttpContext http, Caller caller) => Note(http, caller, AccountOver);

    private void Note(HttpContext http, Caller caller, string? refusal = null)
    {
        if (!audit.IsEnabled) return;
        var network = ClientNetwork.Of(http.Connection.RemoteIpAddress);
        Span<char> room = stackalloc char[UsualKeyChars];
        ReadOnlySpan<char> key = room.TryWrite(
            $"{refusal?[0]}{(int)caller.Method} {caller.SecretId} {network} {caller.Name}", out var length)
                ? room[..length] : $"{refusal?[0]}{(int)caller.Method} {caller.SecretId} {network} {caller.Name}";
        if (IsNoted(key)) return;
        lock (noting)
        {
            if (IsNoted(key)) return;
            noted.Set(key.ToString(), clock.GetTimestamp(), cost: 1);
        }

        audit.Note(http, "sign-in", isDone: refusal is null, entry => entry with
        {
            Actor = caller.Name,
            Method = Roles.Word(caller.Method),
            SecretId = caller.SecretId,
            Detail = refusal,
        });
    }

    private bool IsNoted(ReadOnlySpan<char> key) =>
        noted.TryGet(key, out var at) && clock.GetElapsedTime(at) < NotedAgainAfter;
}
