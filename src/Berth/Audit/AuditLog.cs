using System.Text;
using System.Threading.Channels;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Audit;

/// <summary>
/// The log of who did what. Requests only put their entries into a queue; a batch of them is written every quarter of a
/// second, to the database and wherever else they go. So nothing waits for it, and a process that is killed loses what
/// its last moments had.
/// </summary>
internal sealed partial class AuditLog : BackgroundService
{
    /// <summary>The actor of what the registry does by itself.</summary>
    private const string OwnName = "berth";

    private const int MaxBatch = 1000;
    private const int MaxAgentChars = 256;
    private const int MaxNameChars = 128;

    private static readonly TimeSpan WriteEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long a stop spends on entries, no matter how long the requests before it took.</summary>
    private static readonly TimeSpan SinkLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PatienceAtEnd = TimeSpan.FromSeconds(5);

    private readonly AuditSettings settings;
    private readonly Database database;
    private readonly IReadOnlyList<AuditSink> sinks;
    private readonly TimeProvider clock;
    private readonly ILogger<AuditLog> log;
    private readonly Channel<AuditEntry> waiting;
    private readonly SemaphoreSlim writing = new(1, 1);
    private long dropped;
    private long reportedAt = long.MinValue;

    public AuditLog(
        AuditSettings settings, Database database, IEnumerable<AuditSink> sinks, TimeProvider clock,
        ILogger<AuditLog> log)
    {
        (this.settings, this.database, this.sinks) = (settings, database, [.. sinks]);
        (this.clock, this.log) = (clock, log);
        waiting = Channel.CreateBounded<AuditEntry>(
            new BoundedChannelOptions(settings.Waiting) { SingleReader = true });
    }

    /// <summary>Whether pulls are wanted too.</summary>
    public bool TakesPulls => settings is { Enabled: true, Pulls: true };

    /// <summary>Whether anything is wanted.</summary>
    public bool IsEnabled => settings.Enabled;

    /// <summary>Notes what the caller of a request did, or was not allowed to.</summary>
    /// <param name="http">The request, whose caller was found.</param>
    /// <param name="action">What it was.</param>
    /// <param name="isDone">False: it was denied.</param>
    /// <param name="complete">Adds what the request itself does not tell.</param>
    public void Note(HttpContext http, string action, bool isDone, Func<AuditEntry, AuditEntry>? complete = null)
    {
        if (!settings.Enabled) return;
        var caller = http.Features.Get<Caller>() ?? Caller.Anonymous;
        var entry = new AuditEntry(
            clock.GetUtcNow(), action, isDone ? "done" : "denied", caller.Name, Roles.Word(caller.Method))
        {
            SecretId = caller.SecretId,
            Address = ClientNetwork.AddressOf(http),
            Agent = Shortened(http.Request.Headers.UserAgent.ToString(), MaxAgentChars),
            RequestId = http.TraceIdentifier,
        };
        Add(complete?.Invoke(entry) ?? entry);
    }

    /// <summary>Notes a failed sign-in: nobody knows who it was, only who they said they were.</summary>
    public void NoteFailedSignIn(HttpContext http, string user, string reason) => Note(
        http, "sign-in", isDone: false,
        entry => entry with { Actor = Shortened(user, MaxNameChars) ?? "", Method = "none", Detail = reason });

    /// <summary>Notes what the registry did by itself.</summary>
    public void NoteOwn(string action, string? detail, string? digest = null, string? target = null)
    {
        if (!settings.Enabled) return;
        Add(new AuditEntry(clock.GetUtcNow(), action, "done", OwnName, Roles.Word(SignInMethod.None))
        {
            Detail = detail,
            Digest = digest,
            Target = target,
        });
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(PatienceAtEnd, clock);
        await base.StopAsync(patience.Token);
        await AttemptAsync("their places before the end", () => WriteWaitingAsync(patience.Token));
    }

    public override void Dispose()
    {
        foreach (var sink in sinks) sink.Dispose();
        writing.Dispose();
        base.Dispose();
    }

    /// <summary>Writes all that is waiting, after what is being written.</summary>
    public async Task WriteWaitingAsync(CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            while (TakeBatch() is { Count: > 0 } batch) await WriteAsync(batch, cancellation);
        }
        finally
        {
            writing.Release();
        }
    }

    private List<AuditEntry> TakeBatch()
    {
        var batch = new List<AuditEntry>();
        while (batch.Count < MaxBatch && waiting.Reader.TryRead(out var entry)) batch.Add(entry);
        return batch;
    }

    private async Task WriteAsync(List<AuditEntry> batch, CancellationToken cancellation)
    {
        await AttemptAsync("the database", () => database.WriteAsync(
            async session =>
            {
                await AuditTable.AddAsync(session, batch);
                return true;
            },
            isDurable: false, cancellation));
        foreach (var sink in sinks) await AttemptAsync(sink.Name, () => WriteAsync(sink, batch, cancellation));
    }

    /// <summary>A server that takes a connection and reads nothing must not hold up the other places.</summary>
    private async Task WriteAsync(AuditSink sink, List<AuditEntry> batch, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(SinkLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            await sink.WriteAsync(batch, either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"it took nothing for {SinkLimit.TotalSeconds} seconds");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await waiting.Reader.WaitToReadAsync(stoppingToken))
        {
            await Task.Delay(WriteEvery, clock, stoppingToken);

            // A stop waits for a batch that has begun.
            await WriteWaitingAsync(CancellationToken.None);
            var lost = Interlocked.Exchange(ref dropped, 0);
            if (lost > 0) LogDropped(lost);
        }
    }

    private static string? Shortened(string text, int most) =>
        text.Length == 0 ? null : text.Length > most ? text[..most] : text;

    /// <summary>
    /// Clients write parts of entries. One text that a database does not take, such as a NUL, would keep a whole batch
    /// out of it, and hide what others did.
    /// </summary>
    private static string? Plain(string? text) =>
        text is null || (Ascii.IsValid(text) && !text.Any(char.IsControl))
            ? text : PlainText.Of(text, text.Length);

    private void Add(AuditEntry entry)
    {
        entry = entry with
        {
            Actor = Plain(entry.Actor) ?? "",
            Agent = Plain(entry.Agent),
            Repository = Plain(entry.Repository),
            Target = Plain(entry.Target),
            Detail = Plain(entry.Detail),
        };
        if (!waiting.Writer.TryWrite(entry)) Interlocked.Increment(ref dropped);
    }

    /// <summary>A place that fails must not keep entries from the others.</summary>
    private async Task AttemptAsync(string place, Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception e)
        {
            if (reportedAt != long.MinValue && clock.GetElapsedTime(reportedAt) < ReportEvery) return;
            reportedAt = clock.GetTimestamp();
            LogLost(place, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Audit entries could not be written to {Place}: {Reason}")]
    private partial void LogLost(string place, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message =
        "{Count} audit entries were dropped: they came faster than they could be written (audit.waiting)")]
    private partial void LogDropped(long count);
}
