using Berth.Settings;

namespace Berth.Identity;

/// <summary>The servers of a directory, and which of them failed lately.</summary>
internal sealed partial class LdapServers(
    IReadOnlyList<LdapAddress> all, TimeSpan retryAfter, TimeProvider clock, ILogger log)
{
    private readonly Lock changing = new();
    private readonly Dictionary<LdapAddress, long> failedAt = [];

    /// <summary>As they are listed, but those that failed less than <c>retryafter</c> ago last.</summary>
    public IReadOnlyList<LdapAddress> InOrder()
    {
        lock (changing)
        {
            return [.. all.OrderBy(server =>
                failedAt.TryGetValue(server, out var at) && clock.GetElapsedTime(at) < retryAfter)];
        }
    }

    public void NoteAnswer(LdapAddress server)
    {
        bool isBack;
        lock (changing) isBack = failedAt.Remove(server);
        if (isBack) LogBack(server);
    }

    /// <summary>Logged once, until the server answers again.</summary>
    public void NoteFailure(LdapAddress server, string reason)
    {
        bool isNew;
        lock (changing)
        {
            isNew = !failedAt.ContainsKey(server);
            failedAt[server] = clock.GetTimestamp();
        }

        if (isNew) LogFailed(server, reason);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The directory {Server} can't be asked: {Reason}")]
    private partial void LogFailed(LdapAddress server, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The directory {Server} answers again")]
    private partial void LogBack(LdapAddress server);
}
