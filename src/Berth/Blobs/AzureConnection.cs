using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage;
using Azure.Storage.Blobs;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>The client for a container in Azure, and Berth's credentials for it.</summary>
/// <param name="Service">The account.</param>
/// <param name="Container">The container.</param>
/// <param name="Key">The account's key; null with other credentials.</param>
/// <param name="Sas">The shared access signature, without a question mark; null with other credentials.</param>
internal sealed record AzureConnection(
    BlobServiceClient Service, BlobContainerClient Container, StorageSharedKeyCredential? Key, string? Sas)
{
    public static AzureConnection Open(AzureSettings settings)
    {
        var address = new Uri(settings.Endpoint);
        var options = OptionsOf(settings);
        var type = settings.Credentials.Type;
        if (type is null or AzureCredentialSettings.SharedKey && settings.AccountKey is { } key)
        {
            var credential = new StorageSharedKeyCredential(settings.AccountName, key);
            return Of(new BlobServiceClient(address, credential, options), credential, sas: null);
        }

        if (type is null && settings.SasToken is { } token)
        {
            var sas = token.TrimStart('?');
            return Of(new BlobServiceClient(address, new AzureSasCredential(sas), options), key: null, sas);
        }

        return Of(new BlobServiceClient(address, AzureIdentity.Open(settings), options), key: null, sas: null);

        AzureConnection Of(BlobServiceClient service, StorageSharedKeyCredential? key, string? sas) =>
            new(service, service.GetBlobContainerClient(settings.Container), key, sas);
    }

    private static BlobClientOptions OptionsOf(AzureSettings settings)
    {
        var http = StoreHttpClient.Create(settings.Timeout, settings.SkipVerify);
        var options = new BlobClientOptions { Transport = new HttpClientTransport(http) };
        // AzureCalls does the retries and timeouts.
        options.Retry.MaxRetries = 0;
        options.Retry.NetworkTimeout = Timeout.InfiniteTimeSpan;
        options.Diagnostics.IsLoggingEnabled = false;
        options.Diagnostics.IsDistributedTracingEnabled = false;
        options.Diagnostics.ApplicationId = "berth";
        options.AddPolicy(new ReadingTimeout(settings.Timeout), HttpPipelinePosition.PerCall);
        return options;
    }

    /// <summary>The client resumes a broken download by itself, which only this timeout limits.</summary>
    private sealed class ReadingTimeout(TimeSpan timeout) : HttpPipelineSynchronousPolicy
    {
        public override void OnSendingRequest(HttpMessage message)
        {
            if (message.Request.Method == RequestMethod.Get) message.NetworkTimeout = timeout;
        }
    }
}
