namespace Berth.Metadata;

/// <summary>
/// The loop of a listening connection: a probe every second, and waits for notices in between. The driver takes whole
/// milliseconds and treats 0 as "forever", so a wait gets at least one. A wait that still overruns is aborted, and
/// counts as a broken connection.
/// </summary>
internal static class ListeningTurns
{
    public static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long after its time is up a wait is aborted.</summary>
    public static readonly TimeSpan Overtime = TimeSpan.FromSeconds(1);

    /// <summary>Runs turn after turn until something throws.</summary>
    /// <param name="ask">Probes the server, and throws if it does not respond.</param>
    /// <param name="waitMilliseconds">Waits for a notice, for at most this many milliseconds, 1 or more.</param>
    /// <param name="heard">Called with the timestamp of each probe that was answered.</param>
    /// <param name="clock">The time.</param>
    /// <param name="end">Ends the loop.</param>
    /// <exception cref="TimeoutException">A wait did not end in time.</exception>
    public static async Task RunAsync(
        Func<CancellationToken, Task> ask, Func<int, CancellationToken, Task> waitMilliseconds, Action<long> heard,
        TimeProvider clock, CancellationToken end)
    {
        while (true)
        {
            var askedAt = clock.GetTimestamp();
            await ask(end);
            heard(askedAt);
            using var turn = new CancellationTokenSource(AskEvery + Overtime, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(turn.Token, end);
            try
            {
                while (AskEvery - clock.GetElapsedTime(askedAt) is var left && left > TimeSpan.Zero)
                {
                    await waitMilliseconds((int)Math.Ceiling(left.TotalMilliseconds), either.Token);
                }
            }
            catch (OperationCanceledException e) when (turn.IsCancellationRequested && !end.IsCancellationRequested)
            {
                throw new TimeoutException("the wait for a notice did not end", e);
            }
        }
    }
}
