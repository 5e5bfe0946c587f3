namespace Berth.Telemetry;

/// <summary>
/// A counter that requests change and a collection reads. An instrument updated on each change looks up its labels each
/// time, which costs ten times as much.
/// </summary>
internal sealed class Tally
{
    private long value;

    public long Value => Interlocked.Read(ref value);

    public void Add(long more) => Interlocked.Add(ref value, more);
}
