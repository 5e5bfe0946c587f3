using System.Net;
using System.Security.Cryptography;
using Berth.Oci;

namespace Berth.Tests.Distribution;

/// <summary>Many clients with the same thing at the same time.</summary>
public class ManyClientsTests
{
    [Fact]
    public async Task Many_clients_that_push_the_same_blob_at_once_all_succeed()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var content = RandomNumberGenerator.GetBytes(1_100_000);
        var digest = Digest.Of(DigestAlgorithm.Sha256, content);
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(async client =>
        {
            using var body = new ByteArrayContent(content);
            using var response = await registry.Client.PostAsync(
                new Uri($"v2/r{client % 4}/blobs/uploads/?digest={digest}", UriKind.Relative), body,
                TestContext.Current.CancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Head, $"v2/r{client % 4}/blobs/{digest}");
            using var head = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return (response.StatusCode, head.StatusCode);
        }));
        Assert.All(answers, a => Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), a));
        var script = new Script(registry);
        script.Give("content", content);
        for (var i = 0; i < 4; i++)
        {
            await script.PlayAsync($"GET /v2/r{i}/blobs/{{sha256 content}}\n 200\n < {{content}}");
        }

        for (var i = 0; (await registry.StoredAsync("uploads")).Count > 0; i++)
        {
            Assert.True(i < 100, "files of uploads are left");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        await script.PlayAsync("GET /v2/r0/blobs/{sha256 content}\n 200\n < {content}");
        Assert.DoesNotContain(registry.Log, l => l.StartsWith("Error", StringComparison.Ordinal));
    }
}
