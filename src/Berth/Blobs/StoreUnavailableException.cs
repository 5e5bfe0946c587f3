namespace Berth.Blobs;

/// <summary>The store does not do what it is asked at the moment. The same request may succeed in a while.</summary>
internal sealed class StoreUnavailableException(string message, Exception? cause = null) : IOException(message, cause);

/// <summary>
/// What an upload received is not in the store any more: it has expired there, or another request has ended it.
/// </summary>
internal sealed class UploadLostException(string message) : IOException(message);

/// <summary>Another request has claimed the upload: what this one did is void.</summary>
internal sealed class UploadTakenException() : IOException("another request has claimed the upload");
