using System.Text;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Distribution;

/// <summary>Bodies of manifests that are large, slow or never come.</summary>
[Inside]
public class ManifestBodyTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private const int Declared = 4 << 20;

    [Fact]
    public async Task A_body_that_is_declared_and_never_comes_takes_no_memory()
    {
        await using var registry = await RegistryFixture.StartAsync();
        var bodies = registry.Services.GetRequiredService<ManifestBodies>();
        var idle = new List<RawConnection>();
        try
        {
            for (var i = 0; i < 200; i++)
            {
                idle.Add(await RawConnection.OpenAsync(registry));
                await idle[^1].SendAsync(Put($"t{i}", Declared) + (i % 2 == 0 ? "" : "{\"schemaVersion\":2"));
            }

            await Eventually.TrueAsync(() => bodies.UsedBytes > 0);
            await PushAsync(registry);
            Assert.InRange(bodies.UsedBytes, 1, 200 * 4096);
        }
        finally
        {
            idle.ForEach(connection => connection.Dispose());
        }

        await Eventually.TrueAsync(() => bodies.UsedBytes == 0);
    }

    [Fact]
    public async Task Large_bodies_beyond_the_memory_for_them_are_told_to_retry_and_usual_ones_are_accepted()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { ManifestMemoryBytes = 1 << 20 },
        });
        var bodies = registry.Services.GetRequiredService<ManifestBodies>();
        var slow = new List<RawConnection>();
        try
        {
            // All but the last byte: 4 MiB is the share of large ones where the largest has 4 MiB.
            slow.Add(await RawConnection.OpenAsync(registry));
            await slow[0].SendAsync(Put("slow", Declared));
            await slow[0].SendAsync(new byte[Declared - 1]);
            await Eventually.TrueAsync(() => bodies.UsedBytes == Declared);
            using (var refused = await RawConnection.OpenAsync(registry))
            {
                await refused.SendAsync(Put("refused", 300 * 1024));
                await refused.SendAsync(new byte[300 * 1024]);
                var answer = await refused.ReadAnswerAsync();
                Assert.Equal(429, answer.Status);
                Assert.NotNull(answer.Header("Retry-After"));
                Assert.Contains("limits.manifestmemorybytes", answer.Text, StringComparison.Ordinal);
            }

            await PushAsync(registry);
        }
        finally
        {
            slow.ForEach(connection => connection.Dispose());
        }

        await Eventually.TrueAsync(() => bodies.UsedBytes == 0);
    }

    [Theory]
    [InlineData("[", "0,", "0]")]
    [InlineData("{\"x\":[", "0,", "0]}")]
    [InlineData("{\"layers\":[", "{},", "{}]}")]
    [InlineData("{\"x\":{", "\"\":{},", "\"\":{}}}")]
    public void Reading_a_body_takes_no_memory_for_what_is_not_kept(string begin, string repeated, string end)
    {
        var body = new StringBuilder(begin).Insert(begin.Length, repeated, Declared / repeated.Length).Append(end);
        var bytes = Encoding.UTF8.GetBytes(body.ToString());
        foreach (var type in new[] { "application/vnd.example", "application/json" })
        {
            Manifest.Parse(bytes, type);
            var before = GC.GetAllocatedBytesForCurrentThread();
            Manifest.Parse(bytes, type);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
        }
    }

    [Theory]
    [InlineData("\"layers\":[{0}]", true)]
    [InlineData("\"layers\":[{0}]", false)]
    [InlineData("\"urls\":[{1}]", false)]
    public async Task A_manifest_with_more_references_than_the_settings_allow_is_refused(string form, bool isKnown)
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Limits = s.Limits with { ReferencesPerManifest = 5 },
        });
        var script = await Images.ScriptAsync(registry, "a");
        var type = isKnown ? MediaTypes.OciManifest : "application/vnd.example+json";
        foreach (var (count, status) in new[] { (4, 201), (6, 400) })
        {
            var urls = string.Join(',', Enumerable.Repeat("\"https://example.com/\"", count - 1));
            var layers = form[1] == 'u'
                ? "\"layers\":[" + Images.Descriptor("application/x", "layer", $",\"urls\":[{urls}]") + "]"
                : "\"layers\":[" + string.Join(',', Enumerable.Repeat(Images.LayerDescriptor, count - 1)) + "]";
            script["body"] = $$"""{"schemaVersion":2,"config":{{Images.ConfigDescriptor}},{{layers}}}""";
            await script.PlayAsync(
                $$"""
                PUT /v2/a/manifests/t{{count}}
                  Content-Type: {{type}}
                  > {body}
                  {{status}}
                """);
        }

        Assert.Contains("limits.referencespermanifest", script.LastBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ten_thousand_references_are_recorded_each_once()
    {
        const int Layers = 9_000;
        await using var registry = await RegistryFixture.StartAsync();
        var script = await Images.ScriptAsync(registry, "a");
        script["body"] = Body(Layers, seed: 0);
        for (var i = 0; i < 2; i++)
        {
            await script.PlayAsync(
                """
                PUT /v2/a/manifests/many
                  Content-Type: application/vnd.oci.image.manifest.v1+json
                  > {body}
                  201
                """);
        }

        var database = registry.Services.GetRequiredService<Database>();
        var kinds = await database.ReadAsync(s => s.AllAsync(
            "SELECT kind, count(*) FROM manifest_reference GROUP BY kind ORDER BY kind",
            row => $"{row.GetString(0)} {row.GetInt64(1)}"), Stop);
        Assert.Equal(["Config 1", $"Layer {Layers}"], kinds);
    }

    /// <summary>An image of layers that need not be there.</summary>
    internal static string Body(int layers, int seed)
    {
        var all = Enumerable.Range(0, layers).Select(i => Images.Descriptor(
            "application/vnd.oci.image.layer.nondistributable.v1.tar", $"layer {seed} {i}"));
        return $$"""{"schemaVersion":2,"config":{{Images.ConfigDescriptor}},"layers":[{{string.Join(',', all)}}]}""";
    }

    private static string Put(string tag, int length) =>
        $"PUT /v2/a/manifests/{tag} HTTP/1.1\r\nHost: x\r\nContent-Type: {MediaTypes.OciManifest}\r\n"
        + $"Content-Length: {length}\r\n\r\n";

    private static async Task PushAsync(RegistryFixture registry)
    {
        var script = await Images.ScriptAsync(registry, "a");
        await script.PlayAsync(
            """
            PUT /v2/a/manifests/usual
              Content-Type: application/vnd.oci.image.manifest.v1+json
              > {image}
              201
            """);
    }
}
