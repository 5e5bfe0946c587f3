using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Signed URLs at which a blob can be read until they expire. They are signed with the account's key or, for an
/// identity, with a user delegation key. If Berth itself only has a shared access signature, clients get no URL: that
/// signature allows more than reading, so it is only sent to the store.
/// </summary>
internal sealed class AzureAddresses(
    AzureConnection connection, AzureSettings settings, AzureCalls calls, TimeProvider clock) : IDisposable
{
    /// <summary>How far the store's clock may be behind ours.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(15);

    /// <summary>Azure lets a user delegation key be valid for at most seven days from its start time.</summary>
    private static readonly TimeSpan LongestKey = TimeSpan.FromDays(7) - ClockSkew;

    /// <summary>How much longer a key is valid than the first URL signed with it, so that keys are reused.</summary>
    private static readonly TimeSpan KeyReserve = TimeSpan.FromDays(1);

    private readonly SemaphoreSlim renewing = new(1);
    private UserDelegationKey? key;

    /// <summary>A signed URL for clients; null if Berth can't sign.</summary>
    public async Task<Uri?> SignAsync(BlockBlobClient blob, TimeSpan validity, CancellationToken cancellation)
    {
        if (connection.Sas is not null) return null;
        var builder = new BlobSasBuilder(BlobSasPermissions.Read, clock.GetUtcNow() + validity)
        {
            BlobContainerName = blob.BlobContainerName,
            BlobName = blob.Name,
            Resource = "b",
            Protocol = blob.Uri.Scheme == Uri.UriSchemeHttps ? SasProtocol.Https : SasProtocol.HttpsAndHttp,
        };
        var signature = connection.Key is { } shared
            ? builder.ToSasQueryParameters(shared)
            : builder.ToSasQueryParameters(await KeyAsync(validity, cancellation), settings.AccountName);
        return new UriBuilder(blob.Uri) { Query = signature.ToString() }.Uri;
    }

    /// <summary>
    /// A URL for the store itself, as the source of a copy. Within an account, the store reads the source with the
    /// request's own credentials; only a shared access signature has to be part of the URL.
    /// </summary>
    public Uri ForCopy(BlockBlobClient blob) =>
        connection.Sas is { } sas ? new UriBuilder(blob.Uri) { Query = sas }.Uri : blob.Uri;

    public void Dispose() => renewing.Dispose();

    private async Task<UserDelegationKey> KeyAsync(TimeSpan validity, CancellationToken cancellation)
    {
        await renewing.WaitAsync(cancellation);
        try
        {
            var now = clock.GetUtcNow();
            if (key is not null && key.SignedExpiresOn >= now + validity) return key;
            var life = validity + KeyReserve < LongestKey ? validity + KeyReserve : LongestKey;
            key = (await calls.RunAsync(
                "get a key for signing",
                stop => connection.Service.GetUserDelegationKeyAsync(now - ClockSkew, now + life, stop),
                cancellation: cancellation)).Value;
            return key;
        }
        finally
        {
            renewing.Release();
        }
    }
}
