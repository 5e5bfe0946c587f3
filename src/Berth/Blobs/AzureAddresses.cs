using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Addresses at which a blob can be read for a while: signed with the account's key, or with a key that Azure gives an
/// identity for some days. Where Berth itself only has a signature, it could but pass that on, which allows more than
/// reading: nobody gets that but the store.
/// </summary>
internal sealed class AzureAddresses(
    AzureConnection connection, AzureSettings settings, AzureCalls calls, TimeProvider clock) : IDisposable
{
    /// <summary>How far the store's clock may be behind.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(15);

    /// <summary>Azure allows seven days from a key's beginning.</summary>
    private static readonly TimeSpan LongestKey = TimeSpan.FromDays(7) - ClockSkew;

    /// <summary>How much longer a key is good for than the first address that is signed with it.</summary>
    private static readonly TimeSpan KeyReserve = TimeSpan.FromDays(1);

    private readonly SemaphoreSlim renewing = new(1);
    private UserDelegationKey? key;

    /// <summary>An address for anyone; null where none can be given.</summary>
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
    /// An address for the store itself, in order to copy: what is in the same account it reads as who asks may read.
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
                "give a key to sign with",
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
