using Microsoft.Extensions.Time.Testing;

namespace Berth.Tests;

/// <summary>A clock that a test moves, and whose wall time can step apart from the time that passes.</summary>
internal sealed class SteppingClock : TimeProvider
{
    private readonly FakeTimeProvider passing = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));

    /// <summary>How far the wall clock has been set ahead, or back where negative.</summary>
    public TimeSpan Step { get; set; }

    public override long TimestampFrequency => passing.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => passing.GetUtcNow() + Step;

    public override long GetTimestamp() => passing.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        passing.CreateTimer(callback, state, dueTime, period);

    public void Advance(TimeSpan time) => passing.Advance(time);
}
