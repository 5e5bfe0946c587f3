namespace Berth.Registry;

/// <summary>Why pushes are refused at the moment, if they are. Pulls go on.</summary>
internal sealed class PushGate
{
    private volatile string? reason;

    /// <summary>For the log and for <c>/readyz</c>; null where pushes are welcome.</summary>
    public string? Reason
    {
        get => reason;
        set => reason = value;
    }
}
