using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>If-Match and If-None-Match on pushes and deletions (RFC 9110, section 13.1), and who wins a race.</summary>
[Inside]
public class CompareAndSwapTests
{
    [Fact]
    public async Task A_tag_moves_only_from_where_the_client_saw_it()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["second"] = Images.Oci(""","annotations":{"n":"2"}""");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/latest
              If-Match: "{sha256 image}"
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              412 DENIED
            PUT /v2/a/manifests/latest
              If-Match: *
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              412 DENIED
            GET /v2/a/tags/list
              200
              < {"name":"a","tags":[]}
            PUT /v2/a/manifests/latest
              If-None-Match: *
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
              ETag: "{sha256 image}"
            PUT /v2/a/manifests/latest
              If-None-Match: *
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {second}
              412 DENIED
            HEAD /v2/a/manifests/{sha256 second}
              404
            PUT /v2/a/manifests/latest
              If-Match: "{sha256 second}"
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {second}
              412 DENIED
            PUT /v2/a/manifests/latest
              If-Match: "{sha256 image}"
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {second}
              201
            PUT /v2/a/manifests/latest
              If-None-Match: "{sha256 second}"
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              412 DENIED
            PUT /v2/a/manifests/{sha256 image}?tag=new&tag=latest
              If-None-Match: *
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              412 DENIED
            HEAD /v2/a/manifests/new
              404
            DELETE /v2/a/manifests/latest
              If-Match: "{sha256 image}"
              412 DENIED
            DELETE /v2/a/manifests/latest
              If-Match: "{sha256 second}"
              202
            DELETE /v2/a/manifests/latest
              If-Match: "{sha256 second}"
              412 DENIED
            DELETE /v2/a/manifests/{sha256 second}
              If-Match: *
              202
            """);
    }

    [Fact]
    public async Task Of_many_clients_that_create_a_tag_at_once_one_wins()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "a");
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i =>
            PutAsync(registry, i, h => h.IfNoneMatch.Add(EntityTagHeaderValue.Any))));
        Assert.Single(answers, HttpStatusCode.Created);
        Assert.Equal(15, answers.Count(s => s == HttpStatusCode.PreconditionFailed));
        var winner = Array.IndexOf(answers, HttpStatusCode.Created);
        Assert.Equal(DigestOf(winner), await CurrentAsync(registry));
    }

    [Inside]
    [Fact]
    public async Task Clients_that_swap_a_tag_in_turns_lose_no_move()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "a");
        Assert.Equal(HttpStatusCode.Created, await PutAsync(registry, 0));
        await Task.WhenAll(Enumerable.Range(1, 4).Select(async client =>
        {
            for (var move = 1; move <= 5;)
            {
                var current = await CurrentAsync(registry);
                var status = await PutAsync(
                    registry, client * 100 + move, h => h.IfMatch.Add(new EntityTagHeaderValue($"\"{current}\"")));
                if (status == HttpStatusCode.Created) move++;
                else Assert.Equal(HttpStatusCode.PreconditionFailed, status);
            }
        }));
        Assert.Equal(21, (await HistoryAsync(registry)).Count);
    }

    [Inside]
    [Fact]
    public async Task Of_many_clients_that_move_a_tag_at_once_the_last_is_served_and_all_are_in_the_history()
    {
        await using var registry = await RegistryFixture.StartAsync();
        await Images.ScriptAsync(registry, "a");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async client =>
        {
            for (var move = 0; move < 10; move++)
            {
                Assert.Equal(HttpStatusCode.Created, await PutAsync(registry, client * 100 + move));
                await CurrentAsync(registry);
            }
        }));
        var history = (await HistoryAsync(registry));
        Assert.Equal(80, history.Count);
        Assert.Equal(history[^1], await CurrentAsync(registry));
        foreach (var client in Enumerable.Range(0, 8))
        {
            var own = Enumerable.Range(0, 10).Select(move => DigestOf(client * 100 + move)).ToList();
            Assert.Equal(own, history.Where(own.Contains));
        }
    }

    private static async Task<HttpStatusCode> PutAsync(
        RegistryFixture registry, int number, Action<HttpRequestHeaders>? condition = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "v2/a/manifests/latest");
        request.Content = new ByteArrayContent(Manifest(number));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaTypes.OciManifest);
        condition?.Invoke(request.Headers);
        using var response = await registry.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    private static async Task<string> CurrentAsync(RegistryFixture registry)
    {
        using var response = await registry.Client.GetAsync(
            new Uri("v2/a/manifests/latest", UriKind.Relative), TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        var digest = response.Headers.GetValues("Docker-Content-Digest").Single();
        Assert.Equal(digest, Digest.Of(DigestAlgorithm.Sha256, body).Text);
        return digest;
    }

    private static ValueTask<List<string>> HistoryAsync(RegistryFixture registry) =>
        registry.Services.GetRequiredService<Database>().ReadAsync(s => s.AllAsync(
            "SELECT digest FROM tag_history WHERE name = $1 ORDER BY id", row => row.GetString(0), "latest"));

    private static byte[] Manifest(int number) =>
        Encoding.UTF8.GetBytes(Images.Oci($$""","annotations":{"n":"{{number}}"}"""));

    private static string DigestOf(int number) => Digest.Of(DigestAlgorithm.Sha256, Manifest(number)).Text;
}
