using System.Runtime.InteropServices;
using Berth.Logging;
using Berth.Settings;
using Berth.Transport;

namespace Berth.Hosting;

/// <summary>
/// Handles SIGTERM, SIGINT and SIGQUIT. The first one shuts down gracefully, and logs each step:
/// <list type="number">
/// <item><c>/readyz</c> answers 503; for <c>http.shutdowndelay</c> connections are still accepted;</item>
/// <item>the port closes, and running requests get <c>http.draintimeout</c> to finish;</item>
/// <item>everything is closed.</item>
/// </list>
/// A second one ends the process at once, as if it were not handled. SIGHUP counts as one if a terminal was closed;
/// otherwise it asks a server to reload its files, which Berth does by itself, so it is ignored.
/// </summary>
internal sealed partial class StopSignals(
    IHostApplicationLifetime lifetime, HttpSettings http, OpenConnections connections, TimeProvider clock,
    LogSink sink, ILogger<StopSignals> log) : IHostLifetime, IDisposable
{
    private static readonly TimeSpan ReportedEvery = TimeSpan.FromSeconds(5);

    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly bool hasTerminal = !Console.IsInputRedirected;
    private int received;

    /// <summary>Set once a signal has arrived.</summary>
    public bool IsStopping => Volatile.Read(ref received) > 0;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT })
        {
            registrations.Add(PosixSignalRegistration.Create(signal, Hear));
        }

        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, HearHangUp));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
    }

    private void Hear(PosixSignalContext signal)
    {
        if (Interlocked.Increment(ref received) > 1)
        {
            // Last chance to write pending log lines.
            LogSecond(signal.Signal);
            sink.Dispose();
            return;
        }

        signal.Cancel = true;
        _ = StopInOrderAsync(signal.Signal);
    }

    private void HearHangUp(PosixSignalContext signal)
    {
        if (hasTerminal)
        {
            Hear(signal);
            return;
        }

        signal.Cancel = true;
        LogHangUp();
    }

    private async Task StopInOrderAsync(PosixSignal signal)
    {
        var running = connections.RunningRequests;
        LogReceived(signal, running);
        if (http.ShutdownDelay > TimeSpan.Zero)
        {
            LogDelays(http.ShutdownDelay);
            await Task.Delay(http.ShutdownDelay, clock, lifetime.ApplicationStopping)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var began = clock.GetTimestamp();
        running = connections.RunningRequests;
        LogCloses(running, http.DrainTimeout);
        lifetime.ApplicationStopped.Register(() =>
        {
            var seconds = clock.GetElapsedTime(began).TotalSeconds;
            LogStopped(seconds);
        });
        lifetime.StopApplication();
        while (true)
        {
            await Task.Delay(ReportedEvery, clock, lifetime.ApplicationStopped)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (lifetime.ApplicationStopped.IsCancellationRequested) return;
            running = connections.RunningRequests;
            var left = http.DrainTimeout - clock.GetElapsedTime(began);
            LogWaits(running, left);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message =
        "{Signal} received: no longer ready, {Requests} requests are running. A second signal stops at once")]
    private partial void LogReceived(PosixSignal signal, int requests);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "SIGHUP changes nothing: users and certificates are read again when they change, and other settings need a "
        + "restart")]
    private partial void LogHangUp();

    [LoggerMessage(Level = LogLevel.Information, Message =
        "Connections are still accepted for {Delay} (http.shutdowndelay)")]
    private partial void LogDelays(TimeSpan delay);

    [LoggerMessage(Level = LogLevel.Information, Message =
        "The port closes: waiting for {Requests} requests, {Limit} at most (http.draintimeout)")]
    private partial void LogCloses(int requests, TimeSpan limit);

    [LoggerMessage(Level = LogLevel.Information, Message = "Still waiting for {Requests} requests, {Left} at most")]
    private partial void LogWaits(int requests, TimeSpan left);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A second signal, {Signal}: stopping at once")]
    private partial void LogSecond(PosixSignal signal);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopped after {Seconds:F1} s")]
    private partial void LogStopped(double seconds);
}
