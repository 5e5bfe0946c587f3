using System.Collections.Concurrent;
using Berth.Blobs;
using Berth.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Blobs;

/// <summary>A bucket whose credentials come for a service account's token, as on EKS.</summary>
public sealed class S3WebIdentityTests : IAsyncLifetime
{
    private static readonly string[] Variables =
        ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL_STS"];

    private readonly ConcurrentQueue<IFormCollection> asked = new();
    private readonly ConcurrentQueue<string> signed = new();
    private readonly string tokenFile = Path.GetTempFileName();
    private WebApplication amazon = null!;
    private string expires = "2099-01-01T00:00:00Z";

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        amazon = builder.Build();
        amazon.Run(AnswerAsync);
        await amazon.StartAsync();
        string[] values = ["arn:aws:iam::1:role/registry", tokenFile, amazon.Urls.Single()];
        foreach (var (name, value) in Variables.Zip(values)) Environment.SetEnvironmentVariable(name, value);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in Variables) Environment.SetEnvironmentVariable(name, null);
        await amazon.DisposeAsync();
        File.Delete(tokenFile);
    }

    [Fact]
    public async Task A_service_accounts_token_gives_the_credentials_for_many_requests()
    {
        await File.WriteAllTextAsync(tokenFile, "first\n", StoreUse.Stop);
        using var store = Open();
        Assert.Null(await store.LengthOfAsync(StoreUse.DigestOf([1]), StoreUse.Stop));
        Assert.Null(await store.LengthOfAsync(StoreUse.DigestOf([2]), StoreUse.Stop));
        var form = Assert.Single(asked);
        Assert.Equal("AssumeRoleWithWebIdentity", form["Action"]);
        Assert.Equal("arn:aws:iam::1:role/registry", form["RoleArn"]);
        Assert.Equal("first", form["WebIdentityToken"]);
        Assert.Equal(["ASIA-first token-of-first", "ASIA-first token-of-first"], signed);
    }

    [Fact]
    public async Task A_token_that_the_cluster_has_renewed_is_read_when_the_credentials_expire()
    {
        expires = TimeProvider.System.GetUtcNow().AddMinutes(2).ToString("yyyy-MM-ddTHH:mm:ssZ", null);
        await File.WriteAllTextAsync(tokenFile, "first", StoreUse.Stop);
        using var store = Open();
        Assert.Null(await store.LengthOfAsync(StoreUse.DigestOf([1]), StoreUse.Stop));
        await File.WriteAllTextAsync(tokenFile, "second", StoreUse.Stop);
        await Eventually.TrueAsync(async () =>
        {
            Assert.Null(await store.LengthOfAsync(StoreUse.DigestOf([2]), StoreUse.Stop));
            return signed.Last() == "ASIA-second token-of-second";
        });
    }

    private ObjectBlobStore Open() => TestEngines.Open(new StorageSettings
    {
        S3 = new S3Settings
        {
            Bucket = "registry",
            Region = "eu-central-1",
            RegionEndpoint = amazon.Urls.Single(),
            ForcePathStyle = true,
            Retries = 0,
        },
    });

    /// <summary>Gives credentials that are named after the token, and has no object.</summary>
    private async Task AnswerAsync(HttpContext http)
    {
        if (!HttpMethods.IsPost(http.Request.Method))
        {
            var key = http.Request.Headers.Authorization.ToString().Split("Credential=")[1].Split('/')[0];
            signed.Enqueue($"{key} {http.Request.Headers["x-amz-security-token"]}");
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var form = await http.Request.ReadFormAsync(StoreUse.Stop);
        asked.Enqueue(form);
        var token = form["WebIdentityToken"];
        http.Response.ContentType = "text/xml";
        await http.Response.WriteAsync(
            $"""
            <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleWithWebIdentityResult><Credentials>
                <AccessKeyId>ASIA-{token}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
                <SessionToken>token-of-{token}</SessionToken><Expiration>{expires}</Expiration>
              </Credentials></AssumeRoleWithWebIdentityResult>
              <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
            </AssumeRoleWithWebIdentityResponse>
            """,
            StoreUse.Stop);
    }
}
