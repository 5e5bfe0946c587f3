using Berth.Blobs;
using Berth.Metadata;
using Berth.Registry;

namespace Berth.Distribution;

/// <summary>
/// What the disk, the database or the store threw while a request was answered. Anything else is unexpected, and a 500.
/// </summary>
/// <param name="answer">What the client hears of it.</param>
/// <param name="problem">What the log says before the reason; null where it was logged already.</param>
/// <param name="reason">The exception's words, which may name paths and hosts: for the log alone.</param>
internal sealed partial class StorageFailure(RegistryError answer, string? problem, string reason)
{
    /// <summary>Null for what nobody foresaw.</summary>
    public static StorageFailure? Of(Exception e) => e switch
    {
        _ when DiskFull.IsCauseOf(e) => new(RegistryError.StorageFull(), "The disk is full", e.Message),
        _ when DiskFault.WordsFor(e) is { } words =>
            new(RegistryError.StorageFails(words), $"The storage fails ({words})", e.Message),
        DatabaseUnavailableException => new(RegistryError.Unavailable(), "The database does not answer", e.Message),
        StoreUnavailableException => new(RegistryError.StoreUnavailable(), problem: null, e.Message),
        _ => null,
    };

    /// <summary>Logs the failure, and takes back what the answer already said of content.</summary>
    /// <returns>The answer instead.</returns>
    public RegistryError Report(HttpResponse response, ILogger log)
    {
        if (problem is not null) LogFailure(log, problem, reason);
        V2Request.ForgetContent(response.Headers);
        return answer;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}: {Reason}")]
    private static partial void LogFailure(ILogger log, string problem, string reason);
}
