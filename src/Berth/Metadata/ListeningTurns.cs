namespace Berth.Metadata;

/// <summary>
/// The rhythm of a listening connection: one question a second, and between two questions a wait for notices. The
/// driver takes whole milliseconds and reads 0 as "for ever", so a wait is never given less than one; and one that
/// outlasts its turn all the same is ended, and counts as a broken connection.
/// </summary>
internal static class ListeningTurns
{
    public static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long after its turn a wait is ended by force.</summary>
    public static readonly TimeSpan Overtime = TimeSpan.FromSeconds(1);

    /// <summary>Runs turn after turn until something throws.</summary>
    /// <param name="ask">Asks the server something, and throws where it does not answer.</param>
    /// <param name="waitMilliseconds">Waits for a notice, at most so many milliseconds: 1 or more.</param>
    /// <param name="heard">Called with the timestamp of each question that was answered.</param>
    /// <param name="clock">The time.</param>
    /// <param name="end">Nobody needs to listen any more.</param>
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
