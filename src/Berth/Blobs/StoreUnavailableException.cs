namespace Berth.Blobs;

/// <summary>The store is unavailable at the moment. The same request may succeed later.</summary>
internal sealed class StoreUnavailableException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>
/// What an upload received is no longer in the store: it has expired there, or another request has ended it.
/// </summary>
internal sealed class UploadLostException(string message) : IOException(message);

/// <summary>Another request has claimed the upload, so this one must not change anything.</summary>
internal sealed class UploadTakenException() : IOException("another request has claimed the upload");
