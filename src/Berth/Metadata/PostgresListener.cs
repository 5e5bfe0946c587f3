using System.Diagnostics.Metrics;
using Berth.Telemetry;
using Npgsql;

namespace Berth.Metadata;

/// <summary>
/// Receives other nodes' changes from PostgreSQL on its own connection (LISTEN/NOTIFY). Notices can only be lost with
/// that connection, which is tested with a first notice and then probed every second. A node that had no response for
/// <c>database.cachestaleness</c> stops answering from its cache, and clears it once it hears again. So no answer is
/// staler than that, whatever breaks.
/// </summary>
internal sealed partial class PostgresListener : IAsyncDisposable
{
    public const string Channel = "berth_changes";
    public const string JobsChannel = "berth_jobs";

    private static readonly Counter<long> Losses = Meters.Berth.CreateCounter<long>(
        "berth.cluster.listener.losses", description: "How often the connection that hears other nodes was lost.");

    private static readonly UpDownCounter<long> Listening = Meters.Berth.CreateUpDownCounter<long>(
        "berth.cluster.listener.connections", description: "1 while other nodes' changes are heard, otherwise 0.");

    private readonly PostgresSettings settings;
    private readonly Action<string> forget;
    private readonly Action forgetAll;
    private readonly Action wakeJobs;
    private readonly Func<string, CancellationToken, Task> notify;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly CancellationTokenSource end = new();
    private readonly Task listening;
    private readonly long startedAt;
    private long heardAt = long.MinValue;
    private bool isLost;

    /// <param name="settings">Where the database is.</param>
    /// <param name="forget">Takes another node's notice.</param>
    /// <param name="forgetAll">Called when notices may have been missed.</param>
    /// <param name="wakeJobs">Called when jobs were added.</param>
    /// <param name="notify">Sends a notice to a channel, over another connection than the one that listens.</param>
    /// <param name="clock">The time.</param>
    /// <param name="log">Gets lost and restored connections.</param>
    public PostgresListener(
        PostgresSettings settings, Action<string> forget, Action forgetAll, Action wakeJobs,
        Func<string, CancellationToken, Task> notify, TimeProvider clock, ILogger log)
    {
        (this.settings, this.notify, this.clock, this.log) = (settings, notify, clock, log);
        (this.forget, this.forgetAll, this.wakeJobs) = (forget, forgetAll, wakeJobs);
        startedAt = clock.GetTimestamp();
        listening = Task.Run(ListenAlwaysAsync);
    }

    /// <summary>Whether all writes of other nodes, except for the last moments', are known here.</summary>
    public bool IsInTouch => HeardWithin(settings.CacheStaleness);

    /// <summary>Whether cached answers may still be used although the database is unavailable.</summary>
    public bool MayServeWithoutDatabase => HeardWithin(settings.ServeCachedFor);

    /// <summary>
    /// A message if other nodes have not been heard for longer than the settings allow; otherwise null.
    /// </summary>
    public string? FindProblem() => IsInTouch || clock.GetElapsedTime(startedAt) < settings.CacheStaleness
        ? null
        : "the database does not announce changes by other nodes, so the cache is not used";

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        await listening;
        end.Dispose();
    }

    private bool HeardWithin(TimeSpan time)
    {
        var at = Volatile.Read(ref heardAt);
        return at != long.MinValue && clock.GetElapsedTime(at) < time;
    }

    private async Task ListenAlwaysAsync()
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                await ListenAsync();
            }
            catch (OperationCanceledException) when (end.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (!isLost) LogLost(e.Message);
                isLost = true;
                Losses.Add(1);
            }

            await Task.Delay(ListeningTurns.AskEvery, clock, end.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ListenAsync()
    {
        var options = new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            Pooling = false,
            KeepAlive = 0,
            CommandTimeout = Math.Max(1, (int)settings.CacheStaleness.TotalSeconds),
        };
        await using var connection = new NpgsqlConnection(options.ToString());

        // A channel of this connection's own, so that no other node receives the trial.
        var (trial, isHeard) = ($"berth_trial_{Guid.NewGuid():N}", false);
        connection.Notification += (_, notice) =>
        {
            if (notice.Channel == trial) isHeard = true;
            else if (notice.Channel == JobsChannel) wakeJobs();
            else forget(notice.Payload);
        };
        await connection.OpenAsync(end.Token);
        await RunAsync(connection, $"LISTEN {Channel}; LISTEN {JobsChannel}; LISTEN {trial}", end.Token);
        await notify(trial, end.Token);
        while (!isHeard) await RequireNoticeAsync(connection);

        // Earlier writes will not be announced again.
        forgetAll();
        wakeJobs();
        if (isLost) LogFound();
        isLost = false;
        Listening.Add(1);
        try
        {
            await ListeningTurns.RunAsync(
                token => RunAsync(connection, "SELECT 1", token),
                connection.WaitAsync,
                askedAt => Volatile.Write(ref heardAt, askedAt),
                clock, end.Token);
        }
        finally
        {
            Listening.Add(-1);
        }
    }

    /// <summary>A pooler in transaction mode accepts a LISTEN, answers every probe, and drops the notices.</summary>
    private async Task RequireNoticeAsync(NpgsqlConnection connection)
    {
        var patience = Math.Max(1000, (int)settings.CacheStaleness.TotalMilliseconds);
        if (await connection.WaitAsync(patience, end.Token)) return;
        throw new TimeoutException(
            "notices do not arrive; LISTEN does not work behind a pooler in transaction mode");
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "The database does not announce changes by other nodes, so the cache is not used: {Reason}")]
    private partial void LogLost(string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The database announces changes by other nodes again")]
    private partial void LogFound();
}
