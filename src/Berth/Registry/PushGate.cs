namespace Berth.Registry;

/// <summary>Why pushes are refused at the moment, if they are. Pulls continue.</summary>
internal sealed class PushGate
{
    private volatile string? reason;

    /// <summary>For the log and <c>/readyz</c>; null if pushes are accepted.</summary>
    public string? Reason
    {
        get => reason;
        set => reason = value;
    }
}
