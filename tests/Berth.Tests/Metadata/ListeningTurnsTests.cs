using Berth.Metadata;
using Microsoft.Extensions.Time.Testing;

namespace Berth.Tests.Metadata;

public class ListeningTurnsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_database_is_probed_every_second_for_weeks_whatever_is_left_of_a_second_after_a_notice()
    {
        const int Turns = 100_000;
        var clock = new FakeTimeProvider();
        var random = new Random(61);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (turns, waits, last) = (0, 0, TimeSpan.Zero);
        var begun = clock.GetTimestamp();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ListeningTurns.RunAsync(
            _ =>
            {
                var now = clock.GetElapsedTime(begun);
                Assert.True(now - last <= TimeSpan.FromSeconds(1.01), $"turn {turns} came {now - last} after the last");
                last = now;
                if (++turns == Turns) end.Cancel();
                clock.Advance(TimeSpan.FromTicks(random.Next(50_000)));
                return Task.CompletedTask;
            },
            (milliseconds, cancellation) =>
            {
                // The driver takes 0 as "for ever".
                Assert.InRange(milliseconds, 1, 1000);
                cancellation.ThrowIfCancellationRequested();

                // A notice comes somewhere in between, or as close to the end of the second as a timer can tell.
                var full = TimeSpan.FromMilliseconds(milliseconds);
                clock.Advance(++waits % 3 == 0 ? full : full - TimeSpan.FromTicks(random.Next(1, 10_000)));
                return Task.CompletedTask;
            },
            _ => { }, clock, end.Token));
        Assert.Equal(Turns, turns);
    }

    [Fact]
    public async Task A_wait_that_does_not_end_is_a_broken_connection_after_its_turn()
    {
        var clock = new FakeTimeProvider();
        var asked = 0;
        var running = ListeningTurns.RunAsync(
            _ =>
            {
                asked++;
                return Task.CompletedTask;
            },
            (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation), _ => { }, clock, Stop);
        clock.Advance(ListeningTurns.AskEvery);
        Assert.False(running.IsCompleted);
        clock.Advance(ListeningTurns.Overtime);
        await Assert.ThrowsAsync<TimeoutException>(() => running);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_step_of_the_wall_clock_neither_stops_nor_hastens_the_probes()
    {
        var clock = new SteppingClock();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (asked, heard) = (0, new List<long>());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ListeningTurns.RunAsync(
            _ =>
            {
                if (++asked == 10) end.Cancel();
                clock.Step = TimeSpan.FromDays(asked % 2 == 0 ? 1 : -1);
                return Task.CompletedTask;
            },
            (milliseconds, cancellation) =>
            {
                cancellation.ThrowIfCancellationRequested();
                clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
                return Task.CompletedTask;
            },
            heard.Add, clock, end.Token));
        Assert.All(heard.Zip(heard.Skip(1)), pair => Assert.Equal(
            ListeningTurns.AskEvery, clock.GetElapsedTime(pair.First, pair.Second)));
    }
}
