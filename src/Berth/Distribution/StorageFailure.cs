using Berth.Blobs;
using Berth.Metadata;
using Berth.Registry;

namespace Berth.Distribution;

/// <summary>
/// A failure of the disk, the database or the store during a request, or no room in a quota. All other exceptions are
/// unexpected, and a 500.
/// </summary>
/// <param name="answer">The response.</param>
/// <param name="problem">What the log says before the reason; null if it was logged already.</param>
/// <param name="reason">The exception's message, only for the log: it may name paths and hosts.</param>
internal sealed partial class StorageFailure(RegistryError answer, string? problem, string reason)
{
    /// <summary>Null for unexpected exceptions.</summary>
    public static StorageFailure? Of(Exception e) => e switch
    {
        _ when DiskFull.IsCauseOf(e) => new(RegistryError.StorageFull(), "The disk is full", e.Message),
        _ when DiskFault.WordsFor(e) is { } words =>
            new(RegistryError.StorageFails(words), $"The storage fails ({words})", e.Message),
        DatabaseUnavailableException => new(RegistryError.Unavailable(), "The database does not answer", e.Message),
        QuotaExceededException => new(RegistryError.QuotaExceeded(e.Message), problem: null, e.Message),
        StoreUnavailableException => new(RegistryError.StoreUnavailable(), problem: null, e.Message),
        _ => null,
    };

    /// <summary>Logs the failure, and removes headers that describe content.</summary>
    /// <returns>The response to send instead.</returns>
    public RegistryError Report(HttpResponse response, ILogger log)
    {
        if (problem is not null) LogFailure(log, problem, reason);
        V2Request.ForgetContent(response.Headers);
        return answer;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}: {Reason}")]
    private static partial void LogFailure(ILogger log, string problem, string reason);
}
