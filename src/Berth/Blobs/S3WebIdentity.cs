using Amazon;
using Amazon.Runtime;
using Amazon.SecurityToken;
using Amazon.SecurityToken.Model;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>
/// Credentials of a role that is assumed with a web identity token, such as that of a service account on EKS. The
/// cluster rotates the token in a file, and Amazon's STS exchanges it for credentials, which are renewed before they
/// expire. The client library has the same, but finds STS by reflection, which fails in a program compiled ahead of
/// time.
/// </summary>
internal sealed class S3WebIdentity : RefreshingAWSCredentials
{
    private static readonly TimeSpan RenewedBefore = TimeSpan.FromMinutes(5);

    private readonly AmazonSecurityTokenServiceClient service;
    private readonly string role;
    private readonly string tokenFile;
    private readonly string session;

    private S3WebIdentity(string role, string tokenFile, S3Settings settings)
    {
        (this.role, this.tokenFile) = (role, tokenFile);
        session = Environment.GetEnvironmentVariable("AWS_ROLE_SESSION_NAME") ?? "berth";
        PreemptExpiryTime = RenewedBefore;
        var config = new AmazonSecurityTokenServiceConfig { Timeout = settings.Timeout };
        if (Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL_STS") is { Length: > 0 } address)
        {
            config.ServiceURL = address;
            config.AuthenticationRegion = RegionOf(settings);
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(RegionOf(settings));
        }

        service = new AmazonSecurityTokenServiceClient(new AnonymousAWSCredentials(), config);
    }

    /// <summary>Null if the environment names no role or token.</summary>
    public static S3WebIdentity? Find(S3Settings settings) =>
        Environment.GetEnvironmentVariable("AWS_ROLE_ARN") is { Length: > 0 } role
        && Environment.GetEnvironmentVariable("AWS_WEB_IDENTITY_TOKEN_FILE") is { Length: > 0 } tokenFile
            ? new S3WebIdentity(role, tokenFile, settings)
            : null;

    protected override async Task<CredentialsRefreshState> GenerateNewCredentialsAsync()
    {
        var answer = await service.AssumeRoleWithWebIdentityAsync(new AssumeRoleWithWebIdentityRequest
        {
            RoleArn = role,
            RoleSessionName = session,
            WebIdentityToken = (await File.ReadAllTextAsync(tokenFile)).Trim(),
        });
        var given = answer.Credentials;
        return new CredentialsRefreshState(
            new ImmutableCredentials(given.AccessKeyId, given.SecretAccessKey, given.SessionToken),
            given.Expiration ?? DateTime.MinValue);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) service.Dispose();
        base.Dispose(disposing);
    }

    private static string RegionOf(S3Settings settings) => Environment.GetEnvironmentVariable("AWS_REGION")
        ?? (string.IsNullOrEmpty(settings.Region) ? "us-east-1" : settings.Region);
}
