namespace Berth.Scanners;

/// <summary>A scanner refused something, did not answer, or answered what can't be true. The message is for whoever may
/// pull the image.</summary>
internal sealed class ScannerException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it may answer a little later.</summary>
    public bool IsTransient { get; init; }

    /// <summary>What others say of it, for staff alone: it may name other repositories, addresses inside, or secrets.
    /// </summary>
    public string Detail { get; init; } = "";

    /// <summary>All of it, for staff.</summary>
    public string Whole => Detail.Length > 0 ? $"{Message}: {Detail}" : Message;
}
