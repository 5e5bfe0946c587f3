namespace Berth.Scanners;

/// <summary>A scanner refused something, did not answer, or answered what can't be true. The message is for people.
/// </summary>
internal sealed class ScannerException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it may answer a little later.</summary>
    public bool IsTransient { get; init; }
}
