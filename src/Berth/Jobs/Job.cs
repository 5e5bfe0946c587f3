namespace Berth.Jobs;

/// <summary>Which jobs take each other's places on a node.</summary>
internal enum Lane
{
    /// <summary>What someone waits for: <c>jobs.concurrent</c> at once.</summary>
    Default,

    /// <summary>What keeps the registry in order: <c>jobs.concurrentmaintenance</c> at once.</summary>
    Maintenance,

    /// <summary>What takes a core or a disk for long: <c>jobs.concurrentheavy</c> at once.</summary>
    Heavy,
}

/// <summary>
/// A kind of work that outlives requests. It may run again after it was done, where its node died between the work and
/// the note of it.
/// </summary>
internal abstract class Job
{
    /// <summary>The name under which it lies in the database, which never changes.</summary>
    public abstract string Kind { get; }

    public virtual Lane Lane => Lane.Default;

    /// <summary>
    /// When it is due again, of what one node of the cluster does again and again; null for jobs that are added one by
    /// one.
    /// </summary>
    public virtual Schedule? Schedule => null;

    /// <summary>The longest that one run may take. After that it is cancelled, and has failed.</summary>
    public virtual TimeSpan TimeLimit => TimeSpan.FromHours(1);

    /// <summary>Does the work. What it throws is noted, and the job is tried again later.</summary>
    /// <param name="payload">What was given when the job was added; empty where it has a schedule.</param>
    /// <param name="cancellation">
    /// The node stops, the time is up, or the node may have lost the job to another one: whatever this run does from
    /// now on, that one does too.
    /// </param>
    public abstract Task RunAsync(string payload, CancellationToken cancellation);
}
