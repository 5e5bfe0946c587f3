using Cronos;

namespace Berth.Jobs;

/// <summary>When a recurring job is due.</summary>
internal abstract class Schedule
{
    /// <summary>
    /// A fixed interval between runs, with a jitter of up to minus a tenth, so that registries started together drift
    /// apart. A new job runs at once.
    /// </summary>
    public static Schedule Every(TimeSpan interval) => new Interval(interval);

    /// <summary>At the times of a cron expression of five fields, in UTC, up to half a minute late.</summary>
    /// <exception cref="FormatException">The expression is invalid.</exception>
    public static Schedule Cron(string expression) => new Times(CronExpression.Parse(expression));

    /// <summary>The delay of a job that has never run.</summary>
    public abstract TimeSpan First(DateTimeOffset now);

    /// <summary>The delay after a run.</summary>
    public abstract TimeSpan Rest(DateTimeOffset now);

    /// <summary>The longest delay possible, even if another schedule applied before.</summary>
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

        /// <summary>For a time that never comes, such as 30 February.</summary>
        private static readonly TimeSpan Never = TimeSpan.FromDays(365);

        public override TimeSpan First(DateTimeOffset now) => Rest(now);

        public override TimeSpan Rest(DateTimeOffset now) => Longest(now) - Latest * Backoff.Between(0, 1);

        public override TimeSpan Longest(DateTimeOffset now) =>
            (times.GetNextOccurrence(now, TimeZoneInfo.Utc) is { } next ? next - now : Never) + Latest;
    }
}
