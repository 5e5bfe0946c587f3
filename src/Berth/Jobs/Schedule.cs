using Cronos;

namespace Berth.Jobs;

/// <summary>When what one node of the cluster does again and again is due.</summary>
internal abstract class Schedule
{
    /// <summary>
    /// So long a rest from one run to the next, less up to a tenth, so that registries which were started together
    /// drift apart. A new one runs at once.
    /// </summary>
    public static Schedule Every(TimeSpan interval) => new Interval(interval);

    /// <summary>At the times of a cron expression of five fields, in UTC, up to half a minute late.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static Schedule Cron(string expression) => new Times(CronExpression.Parse(expression));

    /// <summary>How long one that never ran waits.</summary>
    public abstract TimeSpan First(DateTimeOffset now);

    /// <summary>How long one that ran rests.</summary>
    public abstract TimeSpan Rest(DateTimeOffset now);

    /// <summary>The longest it may rest, whatever it rested by before.</summary>
    public abstract TimeSpan Longest(DateTimeOffset now);

    private sealed class Interval(TimeSpan interval) : Schedule
    {
        public override TimeSpan First(DateTimeOffset now) => TimeSpan.Zero;

        public override TimeSpan Rest(DateTimeOffset now) => interval * Backoff.Between(0.9, 1);

        public override TimeSpan Longest(DateTimeOffset now) => interval;
    }

    private sealed class Times(CronExpression times) : Schedule
    {
        private static readonly TimeSpan Latest = TimeSpan.FromSeconds(30);

        /// <summary>A time that never comes, such as 30 February, is as far as a timer can see.</summary>
        private static readonly TimeSpan Never = TimeSpan.FromDays(365);

        public override TimeSpan First(DateTimeOffset now) => Rest(now);

        public override TimeSpan Rest(DateTimeOffset now) => Longest(now) - Latest * Backoff.Between(0, 1);

        public override TimeSpan Longest(DateTimeOffset now) =>
            (times.GetNextOccurrence(now, TimeZoneInfo.Utc) is { } next ? next - now : Never) + Latest;
    }
}
