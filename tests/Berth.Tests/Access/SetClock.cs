namespace Berth.Tests.Access;

/// <summary>A clock that a test sets. Its time of day can go back, as that of machines can; timestamps can't.</summary>
internal sealed class SetClock : TimeProvider
{
    private DateTimeOffset now = System.GetUtcNow();
    private long ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => now;

    public override long GetTimestamp() => ticks;

    public void Advance(TimeSpan time)
    {
        now += time;
        ticks += time.Ticks;
    }

    public void SetBack(TimeSpan time) => now -= time;
}
