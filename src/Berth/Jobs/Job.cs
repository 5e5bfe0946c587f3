namespace Berth.Jobs;

/// <summary>
/// A kind of work that outlives requests. It may run again after it was done, where its node died between the work and
/// the note of it.
/// </summary>
internal abstract class Job
{
    /// <summary>The name under which it lies in the database, which never changes.</summary>
    public abstract string Kind { get; }

    /// <summary>
    /// The rest between two runs of what one node of the cluster does again and again; null for jobs that are added one
    /// by one.
    /// </summary>
    public virtual TimeSpan? Interval => null;

    /// <summary>Does the work. What it throws is noted, and the job is tried again later.</summary>
    /// <param name="payload">What was given when the job was added; empty where it has an interval.</param>
    /// <param name="cancellation">
    /// The node stops, or may have lost the job to another one: whatever this run does from now on, that one does too.
    /// </param>
    public abstract Task RunAsync(string payload, CancellationToken cancellation);
}
