using Berth.Blobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Distribution;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Lifecycle;

/// <summary>What nothing needs any more goes, after its time and not before, and nothing else does.</summary>
[Inside]
public sealed class GarbageTests : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromHours(24);
    private static readonly TimeSpan Untagged = new GarbageSettings().Untagged;

    private readonly SetClock clock = new();
    private RegistryFixture? registry;
    private Script? script;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Script Play => script!;

    public async ValueTask DisposeAsync()
    {
        if (registry is not null) await registry.DisposeAsync();
    }

    [Fact]
    public async Task A_deleted_image_frees_its_space_after_the_grace_period_and_can_be_pushed_again()
    {
        await StartAsync();
        await PushAsync("a", "v1", "layer");
        await Play.PlayAsync("DELETE /v2/a/manifests/{sha256 v1}\n 202");
        clock.Advance(Grace * 0.49);
        await CollectAsync();
        await Play.PlayAsync("HEAD /v2/a/blobs/{sha256 layer}\n 200");

        // From here on it is not served, but a client that saw it a moment ago can still push its manifest.
        clock.Advance(Grace * 0.02);
        await CollectAsync();
        await Play.PlayAsync(
            "HEAD /v2/a/blobs/{sha256 layer}\n 404\nPOST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a\n 202");
        Assert.Equal(2, (await StoredAsync()).Count);
        clock.Advance(Grace * 0.51);
        await CollectAsync();
        Assert.Empty(await StoredAsync());
        await PushAsync("a", "v1", "layer");
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\n < layer");
        clock.Advance(10 * Grace);
        await CollectAsync();
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\nGET /v2/a/blobs/{sha256 config}\n 200");
    }

    [Fact]
    public async Task A_client_that_saw_a_blob_before_a_collection_can_push_its_manifest_afterwards()
    {
        await StartAsync();
        await PushBlobsAsync("a", "layer");
        clock.Advance(Grace * 0.49);
        await Play.PlayAsync("HEAD /v2/a/blobs/{sha256 layer}\n 200\nHEAD /v2/a/blobs/{sha256 config}\n 200");
        clock.Advance(Grace * 0.5);
        await CollectAsync();
        await Play.PlayAsync("HEAD /v2/a/blobs/{sha256 layer}\n 404");
        await PushManifestAsync("a", "v1", "layer");
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\n < layer\nGET /v2/a/blobs/{sha256 config}\n 200");
        clock.Advance(10 * Grace);
        await CollectAsync();
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\nGET /v2/a/blobs/{sha256 config}\n 200");
    }

    [Fact]
    public async Task Blobs_that_another_image_or_repository_needs_stay()
    {
        await StartAsync();
        await PushAsync("a", "v1", "layer");
        await PushAsync("a", "v2", "other");
        await Play.PlayAsync("POST /v2/b/blobs/uploads/?mount={sha256 layer}&from=a\n 201");
        await PushAsync("b", "v1", "layer");
        await Play.PlayAsync("DELETE /v2/a/manifests/{sha256 v1}\n 202");
        await CollectAllAsync();
        await Play.PlayAsync(
            """
            GET /v2/a/blobs/{sha256 layer}
              404
            GET /v2/a/blobs/{sha256 config}
              200
            GET /v2/a/blobs/{sha256 other}
              200
            GET /v2/b/blobs/{sha256 layer}
              200
              < layer
            """);
    }

    [Fact]
    public async Task A_manifest_goes_a_while_after_its_last_tag_and_one_without_ever_a_tag_stays()
    {
        await StartAsync();
        await PushAsync("a", "old", "layer", tag: "latest");
        await PushAsync("a", "alone", "other", tag: "{sha256 alone}");
        await PushAsync("a", "new", "layer", "other", tag: "latest");
        clock.Advance(Untagged * 0.99);
        await CollectAsync();
        await Play.PlayAsync("GET /v2/a/manifests/{sha256 old}\n 200");
        clock.Advance(Untagged * 0.02);
        await CollectAllAsync();
        await Play.PlayAsync(
            """
            GET /v2/a/manifests/{sha256 old}
              404
            GET /v2/a/manifests/latest
              200
            GET /v2/a/manifests/{sha256 alone}
              200
            GET /v2/a/blobs/{sha256 layer}
              200
            GET /v2/a/blobs/{sha256 other}
              200
            """);
    }

    [Fact]
    public async Task A_manifest_that_is_tagged_again_stays()
    {
        await StartAsync();
        await PushAsync("a", "v1", "layer", tag: "one");
        await Play.PlayAsync("DELETE /v2/a/manifests/one\n 202");
        clock.Advance(Untagged * 0.99);
        await PushManifestAsync("a", "v1", "layer", tag: "two");
        clock.Advance(Untagged);
        await CollectAllAsync();
        await Play.PlayAsync("GET /v2/a/manifests/two\n 200\nGET /v2/a/blobs/{sha256 layer}\n 200");
    }

    [Fact]
    public async Task Children_referrers_and_signatures_are_kept_with_their_image_and_go_with_it()
    {
        await StartAsync();
        await PushAsync("a", "child", "layer", tag: "{sha256 child}");
        Play["index"] =
            """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
            {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{sha256 child}","size":{size child}}]}
            """;
        await PushIndexAsync("index", "v1");
        Play["sbom"] = Referrer("{sha256 index}", "{size index}", "sbom");
        Play["note"] = Referrer("{sha256 sbom}", "{size sbom}", "note");
        Play["signature"] = Referrer("{sha256 child}", "{size child}", "signature").Replace(
            "\"subject\"", "\"unknown\"", StringComparison.Ordinal);
        await PushIndexAsync("sbom", "{sha256 sbom}");
        await PushIndexAsync("note", "{sha256 note}");
        var tag = Play.Filled("{sha256 child}").Replace(':', '-') + ".sig";
        await PushIndexAsync("signature", tag);
        clock.Advance(2 * Untagged);
        await CollectAllAsync();
        foreach (var name in new[] { "index", "child", "sbom", "note", "signature" })
            await Play.PlayAsync($"GET /v2/a/manifests/{{sha256 {name}}}\n 200");

        await Play.PlayAsync("DELETE /v2/a/manifests/{sha256 index}\n 202");
        for (var i = 0; i < 3; i++)
        {
            clock.Advance(Untagged * 1.01);
            await CollectAllAsync();
        }

        foreach (var name in new[] { "index", "child", "sbom", "note", "signature", tag })
        {
            var reference = name == tag ? tag : $"{{sha256 {name}}}";
            await Play.PlayAsync($"GET /v2/a/manifests/{reference}\n 404");
        }

        Assert.Empty(await StoredAsync());
    }

    [Fact]
    public async Task A_deleted_blob_goes_from_the_store_and_an_unfinished_upload_of_it_stays()
    {
        await StartAsync();
        await PushBlobsAsync("a", "layer");
        await Play.PlayAsync(
            """
            POST /v2/a/blobs/uploads/
              202
              Location: {upload}
            PATCH {upload}
              > lay
              202
            DELETE /v2/a/blobs/{sha256 layer}
              202
            """);
        await CollectAsync();
        Assert.Single(await StoredAsync());
        await Play.PlayAsync("PUT {upload}?digest={sha256 layer}\n > er\n 201");
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\n < layer");
    }

    [Fact]
    public async Task Blobs_that_no_row_knows_go_too()
    {
        await StartAsync();
        await PushAsync("a", "v1", "layer");
        await PushBlobsAsync("b", "orphan");
        var database = registry!.Services.GetRequiredService<Berth.Metadata.Database>();
        var orphan = Play.Filled("{sha256 orphan}");
        await registry.Services.GetRequiredService<IBlobStore>().MakeDurableAsync(
            [Berth.Oci.Digest.Parse(orphan)], Stop);
        await database.WriteAsync(
            async session => await session.RunAsync("DELETE FROM repository_blob WHERE digest = $1", orphan)
                + await session.RunAsync("DELETE FROM blob WHERE digest = $1", orphan),
            isDurable: false, Stop);
        Assert.Equal(1, await Collector.FindOrphansAsync(Stop));
        Assert.Equal(0, await Collector.FindOrphansAsync(Stop));
        await CollectAsync();
        Assert.Equal(3, (await StoredAsync()).Count);
        clock.Advance(Grace * 1.01);
        await CollectAsync();
        Assert.Equal(2, (await StoredAsync()).Count);
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200");
    }

    [Fact]
    public async Task A_signature_that_is_pushed_again_stays_though_its_image_is_in_another_repository()
    {
        await StartAsync();
        var tag = Play.Filled("{sha256 elsewhere}").Replace(':', '-') + ".sig";
        foreach (var name in new[] { "first", "second" })
        {
            Play[name] = Referrer("{sha256 elsewhere}", "9", name).Replace(
                "\"subject\"", "\"unknown\"", StringComparison.Ordinal);
        }

        await PushIndexAsync("first", tag);
        await PushIndexAsync("second", tag);
        await PushIndexAsync("first", tag);
        clock.Advance(Untagged * 1.01);
        await CollectAllAsync();
        await Play.PlayAsync($"GET /v2/a/manifests/{tag}\n 200\nGET /v2/a/manifests/{{sha256 second}}\n 404");
    }

    /// <summary>As an SBOM that is the same for two images of another repository.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_two_tags_of_attachments_hold_stays_when_one_moves_on(bool isOther)
    {
        await StartAsync();
        string TagOf(string what) => Play.Filled($"{{sha256 {what}}}").Replace(':', '-') + ".sbom";
        var kept = isOther ? TagOf("other") : "kept";
        foreach (var name in new[] { "sbom", "newer" })
        {
            Play[name] = Referrer("{sha256 elsewhere}", "9", name).Replace(
                "\"subject\"", "\"unknown\"", StringComparison.Ordinal);
        }

        foreach (var tag in new[] { TagOf("elsewhere"), kept }) await PushIndexAsync("sbom", tag);
        await PushIndexAsync("newer", TagOf("elsewhere"));
        clock.Advance(Untagged * 1.01);
        await CollectAllAsync();
        await Play.PlayAsync($"GET /v2/a/manifests/{kept}\n 200\nGET /v2/a/manifests/{{sha256 sbom}}\n 200");
    }

    [Theory]
    [InlineData("""{"parts":[{"where":"{sha256 layer}"}]}""")]
    [InlineData("these: {sha256 layer}, {sha256 other}")]
    public async Task What_a_manifest_of_an_unknown_type_names_stays(string manifest)
    {
        await StartAsync();
        await PushBlobsAsync("a", "layer", "other");
        Play["custom"] = manifest;
        await Play.PlayAsync(
            "PUT /v2/a/manifests/v1\n Content-Type: application/vnd.example.thing\n > {custom}\n 201");
        clock.Advance(2 * Grace);
        await CollectAllAsync();
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 layer}\n 200\nGET /v2/a/blobs/{sha256 config}\n 404");
        await Play.PlayAsync("DELETE /v2/a/manifests/{sha256 custom}\n 202");
        await CollectAllAsync();
        Assert.Empty(await StoredAsync());
    }

    [Fact]
    public async Task A_round_that_is_cut_off_anywhere_is_finished_by_later_ones()
    {
        await StartAsync();
        var random = new Random(7);
        for (var i = 0; i < 20; i++)
        {
            await PushAsync("a", $"kept{i}", $"layer {i}", "common", $"k{i}");
            await PushAsync($"b{i % 3}", $"gone{i}", $"garbage {i}", "common", $"g{i}");
            await Play.PlayAsync($"DELETE /v2/b{i % 3}/manifests/{{sha256 gone{i}}}\n 202");
        }

        // The deletions of a round that was cut off are taken over after a minute.
        for (var i = 0; i < 60; i++)
        {
            using var cut = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.NextDouble() * 12));
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await Collector.RunAsync(Grace, cut.Token);
                throw new OperationCanceledException("it was not cut off");
            });
            clock.Advance(Grace / 20);
        }

        await CollectAllAsync();
        Assert.Equal(22, (await StoredAsync()).Count);
        for (var i = 0; i < 20; i++) await Play.PlayAsync($"GET /v2/a/blobs/{{sha256 layer {i}}}\n 200");
        await Play.PlayAsync("GET /v2/a/blobs/{sha256 common}\n 200\nGET /v2/b0/blobs/{sha256 common}\n 404");
    }

    private GarbageCollector Collector => registry!.Services.GetRequiredService<GarbageCollector>();

    private async Task StartAsync()
    {
        registry = await RegistryFixture.StartAsync(s => s.CollectedByHand(), clock);
        script = new Script(registry) { ["config"] = "{}" };
    }

    private Task<GarbageReport> CollectAsync() => Collector.RunAsync(Grace, Stop);

    /// <summary>Goes on until nothing is due any more.</summary>
    private async Task CollectAllAsync()
    {
        for (var i = 0; i < 3; i++)
        {
            await CollectAsync();
            clock.Advance(Grace * 0.51);
        }
    }

    private Task<IReadOnlyList<long>> StoredAsync() => registry!.StoredAsync("blobs");

    private async Task PushAsync(string repository, string name, string layer, string? other = null, string tag = "v1")
    {
        await PushBlobsAsync(repository, layer, other);
        await PushManifestAsync(repository, name, layer, other, tag);
    }

    private async Task PushBlobsAsync(string repository, params string?[] layers)
    {
        foreach (var blob in layers.OfType<string>().Append("config"))
        {
            if (blob != "config") Play[blob] = blob;
            await Play.PlayAsync(
                $"POST /v2/{repository}/blobs/uploads/?digest={{sha256 {blob}}}\n > {{{blob}}}\n 201");
        }

        // Small blobs get their places in a moment: here they have them at once.
        await registry!.Services.GetRequiredService<IBlobStore>().MakeDurableAsync(
            [.. layers.OfType<string>().Append("config").Select(
                blob => Berth.Oci.Digest.Parse(Play.Filled($"{{sha256 {blob}}}")))],
            Stop);
    }

    private async Task PushManifestAsync(
        string repository, string name, string layer, string? other = null, string tag = "v1")
    {
        var layers = new[] { layer, other }.OfType<string>().Select(blob =>
            $"{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"{{sha256 {blob}}}\","
            + $"\"size\":{{size {blob}}}}}");
        Play[name] = Play.Filled(
            $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":
            {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{sha256 config}","size":2},
            "layers":[{{string.Join(',', layers)}}]}
            """);
        await Play.PlayAsync(
            $"PUT /v2/{repository}/manifests/{tag}\n"
            + $" Content-Type: application/vnd.oci.image.manifest.v1+json\n > {{{name}}}\n 201");
    }

    private Task PushIndexAsync(string name, string tag) => Play.PlayAsync(
        $"PUT /v2/a/manifests/{tag}\n Content-Type: application/vnd.oci.image.index.v1+json\n > {{{name}}}\n 201");

    private static string Referrer(string subject, string size, string type) =>
        $$$"""
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],
        "artifactType":"application/{{{type}}}",
        "subject":{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{{{subject}}}","size":{{{size}}}}}
        """;
}
