using System.Net;
using Berth.Blobs;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>Decides which clients fetch a blob from the store itself, at a signed URL that expires.</summary>
internal sealed class Redirection(StorageSettings storage)
{
    private readonly RedirectSettings settings = storage.Redirect;

    /// <summary>Where to redirect the client, or null if Berth serves the blob itself.</summary>
    public ValueTask<Uri?> AddressForAsync(V2Request request, BlobContent content) =>
        storage.IsRemote && IsMeant(request.Http.Connection.RemoteIpAddress)
            ? content.SignAddressAsync(settings.Validity)
            : ValueTask.FromResult<Uri?>(null);

    private bool IsMeant(IPAddress? client) => !settings.Disable && settings.Mode switch
    {
        RedirectMode.Always => true,
        RedirectMode.Inside => IsInside(client),
        RedirectMode.Outside => !IsInside(client),
        _ => false,
    };

    private bool IsInside(IPAddress? client) => ClientNetwork.IsIn(settings.Networks, client);
}
