namespace Berth.Jobs;

/// <summary>Which jobs compete for the same places on a node.</summary>
internal enum Lane
{
    /// <summary>Jobs that somebody is waiting for: <c>jobs.concurrent</c> at once.</summary>
    Default,

    /// <summary>Maintenance of the registry: <c>jobs.concurrentmaintenance</c> at once.</summary>
    Maintenance,

    /// <summary>Jobs that keep a core or a disk busy for a long time: <c>jobs.concurrentheavy</c> at once.</summary>
    Heavy,
}

/// <summary>
/// A kind of work that outlives requests. It may run again after it was done, if its node died before recording that.
/// </summary>
internal abstract class Job
{
    /// <summary>Its name in the database, which never changes.</summary>
    public abstract string Kind { get; }

    public virtual Lane Lane => Lane.Default;

    /// <summary>
    /// The schedule of a recurring job, which one node of the cluster runs at a time; null for jobs that are added one
    /// by one.
    /// </summary>
    public virtual Schedule? Schedule => null;

    /// <summary>The longest that one run may take. After that it is cancelled, which counts as a failure.</summary>
    public virtual TimeSpan TimeLimit => TimeSpan.FromHours(1);

    /// <summary>Does the work. An exception is recorded, and the job is retried later.</summary>
    /// <param name="payload">The arguments given when the job was added; empty if it has a schedule.</param>
    /// <param name="cancellation">
    /// The node is stopping, the time is up, or the node may have lost the job to another: whatever this run still
    /// does, the other one does too.
    /// </param>
    public abstract Task RunAsync(string payload, CancellationToken cancellation);
}
