namespace Berth.Tests.Access;

/// <summary>A clock that a test sets. Its time of day can go back, as that of machines can; timestamps can't.</summary>
internal sealed class SetClock : TimeProvider
{
    private readonly DateTimeOffset start = System.GetUtcNow();
    private long passed;
    private long ticks = 1;

    /// <summary>How much later it is at each look at the time of day, for those who tell moments apart by it.</summary>
    public TimeSpan PerLook { get; init; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => start + new TimeSpan(Interlocked.Add(ref passed, PerLook.Ticks));

    /// <summary>How much later it is at each look at the timestamp, as if everything took long.</summary>
    public TimeSpan PerTimestamp { get; set; }

    public override long GetTimestamp() => Interlocked.Add(ref ticks, PerTimestamp.Ticks);

    public void Advance(TimeSpan time)
    {
        Interlocked.Add(ref passed, time.Ticks);
        Interlocked.Add(ref ticks, time.Ticks);
    }

    public void SetBack(TimeSpan time) => Interlocked.Add(ref passed, -time.Ticks);
}
