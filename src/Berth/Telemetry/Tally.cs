namespace Berth.Telemetry;

/// <summary>
/// A number that requests change and a collection reads. An instrument that is told of each change looks up its labels
/// each time, which costs ten times as much.
/// </summary>
internal sealed class Tally
{
    private long value;

    public long Value => Interlocked.Read(ref value);

    public void Add(long more) => Interlocked.Add(ref value, more);
}
