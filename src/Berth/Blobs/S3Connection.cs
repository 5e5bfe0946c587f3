using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>Creates the S3 client from the settings.</summary>
internal static class S3Connection
{
    /// <summary>The region in signatures for stores other than Amazon's, which often have no regions.</summary>
    private const string AnyRegion = "us-east-1";

    public static AmazonS3Client Open(S3Settings settings)
    {
        var config = ConfigOf(settings);
        var client = CredentialsOf(settings) is { } credentials
            ? new AmazonS3Client(credentials, config)
            : new AmazonS3Client(config);
        if (settings.UserAgent is { Length: > 0 } agent)
        {
            client.BeforeRequestEvent += (_, e) =>
            {
                if (e is not WebServiceRequestEventArgs { Headers: var headers }) return;
                headers["User-Agent"] = headers.TryGetValue("User-Agent", out var own) ? $"{own} {agent}" : agent;
            };
        }

        return client;
    }

    /// <summary>Whether the store is reached over TLS.</summary>
    public static bool IsSecure(S3Settings settings) =>
        settings.RegionEndpoint is { } endpoint && endpoint.Contains("://", StringComparison.Ordinal)
            ? endpoint.StartsWith("https://", StringComparison.OrdinalIgnoreCase)
            : settings.Secure;

    private static AmazonS3Config ConfigOf(S3Settings settings)
    {
        var config = new AmazonS3Config
        {
            ForcePathStyle = settings.HasBucketInPath,
            UseDualstackEndpoint = settings.UseDualStack,
            UseAccelerateEndpoint = settings.Accelerate,
            UseFIPSEndpoint = settings.UseFipsEndpoint,
            // S3Calls does the retries and timeouts.
            MaxErrorRetry = 0,
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
            // Some stores other than Amazon's refuse the checksums that the client adds by default.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            HttpClientFactory = new Connections(settings),
        };
        if (settings.RegionEndpoint is { } endpoint)
        {
            var host = endpoint[(endpoint.IndexOf("://", StringComparison.Ordinal) is >= 0 and var at ? at + 3 : 0)..];
            config.ServiceURL = (IsSecure(settings) ? "https://" : "http://") + host;
            config.AuthenticationRegion = string.IsNullOrEmpty(settings.Region) ? AnyRegion : settings.Region;
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(settings.Region);
            config.UseHttp = !settings.Secure;
        }

        return config;
    }

    private static AWSCredentials? CredentialsOf(S3Settings settings) => settings switch
    {
        { AccessKey: null or "" } => S3WebIdentity.Find(settings),
        { SessionToken: { Length: > 0 } token } =>
            new SessionAWSCredentials(settings.AccessKey, settings.SecretKey, token),
        _ => new BasicAWSCredentials(settings.AccessKey, settings.SecretKey),
    };

    private sealed class Connections(S3Settings settings) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) =>
            StoreHttpClient.Create(settings.Timeout, settings.SkipVerify);

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;
    }
}
