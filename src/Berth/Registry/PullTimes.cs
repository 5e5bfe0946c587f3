using System.Collections.Concurrent;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Registry;

/// <summary>
/// When manifests and tags were last pulled, and how often repositories were, each day. Pulls are gathered in memory
/// and written once a minute, so that none waits for the database; a node that dies loses those of its last minute.
/// </summary>
internal sealed partial class PullTimes(
    Database database, PullSettings settings, TimeProvider clock, ILogger<PullTimes> log) : BackgroundService
{
    /// <summary>More agents than there are: those of the others are looked at each time.</summary>
    private const int MaxAgents = 10_000;

    private const int Batch = 1000;

    private static readonly TimeSpan BetweenWrites = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestLastWrite = TimeSpan.FromSeconds(2);

    /// <summary>Some 50 MB; what does not fit is not noted.</summary>
    private const int MaxNoted = 200_000;

    private readonly ConcurrentQueue<(string Repository, string? Tag, Digest Digest, PullNote Note)> noted = [];
    private volatile bool isWriting;

    private readonly ConcurrentDictionary<string, bool> agents = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim writing = new(1, 1);

    /// <summary>
    /// Notes a pull, unless it is a scanner's. Clients that look first, as containerd does, pull only once: what they
    /// ask for by HEAD is in use, but does not count.
    /// </summary>
    public void Note(
        RepositoryName repository, Reference reference, StoredManifest manifest, string user, string? agent,
        bool isHead)
    {
        if (!isWriting || IsIgnored(user, agent)) return;
        if (noted.Count < MaxNoted && manifest.Pulls.Add(clock.GetUtcNow().ToUnixTimeMilliseconds(), !isHead))
            noted.Enqueue((repository.Text, reference.Tag?.Text, manifest.Digest, manifest.Pulls));
    }

    /// <summary>Writes what was noted so far.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            while (Take() is { Count: > 0 } pulls)
            {
                await database.WriteAsync(
                    async session =>
                    {
                        await PullTable.AddAsync(session, pulls);
                        return true;
                    },
                    isDurable: false, cancellation);
            }
        }
        finally
        {
            writing.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);

        // Even if the time for requests is over; but a database that is away must not hold up the end.
        using var limit = new CancellationTokenSource(LongestLastWrite);
        try
        {
            await TryWriteAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            LogLost("the database took too long at the end");
        }
    }

    public override void Dispose()
    {
        writing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        isWriting = settings.Enabled;
        try
        {
            while (true)
            {
                await Task.Delay(BetweenWrites, clock, stoppingToken);
                await TryWriteAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private async Task TryWriteAsync(CancellationToken cancellation)
    {
        try
        {
            await WriteAsync(cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogLost(e.Message);
        }
    }

    private List<Pull> Take()
    {
        var pulls = new List<Pull>();
        while (pulls.Count < Batch && noted.TryDequeue(out var one))
        {
            var (count, at) = one.Note.Take();
            pulls.Add(new Pull(one.Repository, one.Tag, one.Digest.Text, at, count));
        }

        return pulls;
    }

    private bool IsIgnored(string user, string? agent)
    {
        if (user.StartsWith(PullNote.ScannerPrefix, StringComparison.Ordinal)) return true;
        if (settings.IgnoreUsers.Count > 0 && settings.IgnoreUsers.Contains(user)) return true;
        if (agent is null || settings.IgnoreAgents.Count == 0) return false;
        if (agents.TryGetValue(agent, out var isIgnored)) return isIgnored;
        isIgnored = settings.IgnoreAgents.Any(
            start => agent.StartsWith(start, StringComparison.OrdinalIgnoreCase));
        if (agents.Count < MaxAgents) agents[agent] = isIgnored;
        return isIgnored;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The times of some pulls are lost: {Reason}")]
    private partial void LogLost(string reason);
}
