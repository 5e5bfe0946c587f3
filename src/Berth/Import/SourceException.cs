using System.Net;

namespace Berth.Import;

/// <summary>Another registry refused something, or answered what can't be true. The message is for people.</summary>
internal sealed class SourceException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it may go well a little later.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether the registry could not be reached at all, however often that was tried.</summary>
    public bool IsUnreachable { get; init; }

    /// <summary>The status of its answer, if that was the reason.</summary>
    public HttpStatusCode? Status { get; init; }
}
