namespace Berth.Signatures;

/// <summary>When a key or an authority is trusted, both ends included.</summary>
internal sealed record ValidityWindow(DateTimeOffset? Start, DateTimeOffset? End)
{
    public bool Contains(DateTimeOffset time) => !(time < Start) && !(time > End);
}
