using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>Charts, models, bills of materials and signatures, on their pages and in the API.</summary>
[Accounts]
public sealed class ArtifactPageTests : IAsyncLifetime
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private const string IndexType = "application/vnd.oci.image.index.v1+json";
    private const string Empty = "application/vnd.oci.empty.v1+json";
    private const string Script = "<script>alert(1)</script>";

    private const string Spdx = """
        {"spdxVersion":"SPDX-2.3","packages":[{"name":"libc6","versionInfo":"2.41","licenseDeclared":"LGPL"},
        {"name":"<script>alert(1)</script>"}]}
        """;

    private RegistryFixture registry = null!;
    private ContentImages images = null!;
    private PageReader pages = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync();
        (images, pages) = (new ContentImages(registry), new PageReader(registry));
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_chart_shows_its_facts_values_and_readme()
    {
        var chart = RawTar.Gzip(new RawTar().File("web/Chart.yaml", "name: web\n")
            .File("web/values.yaml", $"replicas: 2 # {Script}\n").File("web/README.md", $"# Read me\n\n{Script}\n")
            .File("web/charts/sub/README.md", "not this one").File("README.md", "nor this one").End());
        await PushAsync(
            "web", null, "application/vnd.cncf.helm.config.v1+json",
            $$"""
            {"name":"web","version":"1.2.3","appVersion":"2.0","description":"{{Script}}",
            "maintainers":[{"name":"Ann","email":"ann@example.com"}],"dependencies":[{"name":"db","version":"16"}]}
            """,
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart, ""));
        var seen = await images.AskAsync("web/artifact?repository=team/app");
        Assert.Equal("helm", seen.Of("kind"));
        var facts = FactsOf(seen);
        Assert.Equal(
            ("web", "1.2.3", "2.0", "Ann ann@example.com", "db 16"),
            (facts["name"], facts["version"], facts["app version"], facts["maintainers"], facts["dependencies"]));
        Assert.Equal(
            ["README.md", "Chart.yaml", "values.yaml"],
            seen.GetProperty("texts").EnumerateArray().Select(one => one.Of("name")));
        var page = (await pages.GetAsync("/r/team/app:web")).Is(200);
        Assert.Contains("Helm chart", page.Text);
        Assert.Contains(">Read me</h3>", page.Text);
        Assert.Contains("replicas: 2", page.Text);
        Assert.Contains("helm pull oci://", page.Text);
        Assert.DoesNotContain(Script, page.Text);

        // So does the page of the repository, which knows only the kind.
        Assert.Contains("helm pull oci://", (await pages.GetAsync("/r/team/app")).Is(200).Text);
    }

    [Fact]
    public async Task A_chart_that_is_no_archive_says_so_and_shows_the_rest()
    {
        await PushAsync(
            "bad", null, "application/vnd.cncf.helm.config.v1+json", """{"name":"bad"}""",
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", RawTar.Gzip("no tar"u8.ToArray()), ""));
        var seen = await images.AskAsync("bad/artifact?repository=team/app");
        Assert.NotEqual("", seen.Of("fault"));
        var page = (await pages.GetAsync("/r/team/app:bad")).Is(200);
        Assert.Contains("Not all of it could be read", page.Text);
        Assert.Contains("<dd>bad</dd>", page.Text);
    }

    [Theory]
    [InlineData(
        "application/vnd.cncf.model.manifest.v1+json", "application/vnd.cncf.model.config.v1+json",
        """
        {"descriptor":{"name":"qwen","family":"qwen2"},
        "config":{"format":"gguf","paramSize":"7b","quantization":"q4_0"}}
        """,
        "name=qwen family=qwen2 format=gguf parameters=7b quantization=q4_0")]
    [InlineData(
        null, "application/vnd.docker.ai.model.config.v0.1+json",
        """{"config":{"format":"gguf","quantization":"Q4_K_M","parameters":"361.82 M","architecture":"llama"}}""",
        "format=gguf architecture=llama parameters=361.82 M quantization=Q4_K_M")]
    public async Task A_model_shows_what_it_is(string? type, string configType, string config, string expected)
    {
        await PushAsync("m", type, configType, config, ("application/vnd.docker.ai.gguf.v3", [1, 2, 3], "model.gguf"));
        var seen = await images.AskAsync("m/artifact?repository=team/app");
        Assert.Equal("model", seen.Of("kind"));
        Assert.Equal(expected, string.Join(' ', FactsOf(seen).Select(one => $"{one.Key}={one.Value}")));
        Assert.Contains("model.gguf", (await pages.GetAsync("/r/team/app:m")).Is(200).Text);
    }

    [Theory]
    [InlineData("application/vnd.wasm.config.v0+json", "application/wasm", "wasm", "WebAssembly")]
    [InlineData(
        "application/vnd.docker.compose.project", "application/vnd.docker.compose.file+yaml", "compose",
        "Compose project")]
    [InlineData(
        "application/vnd.cncf.openpolicyagent.config.v1+json",
        "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", "policy", "Policy bundle")]
    [InlineData("application/x.thing", "text/plain", "other", "Artifact")]
    public async Task Other_artifacts_are_named_and_their_texts_shown(
        string type, string layerType, string kind, string words)
    {
        await PushAsync("a", type, Empty, "{}", (layerType, Encoding.UTF8.GetBytes($"text {Script}"), $"f{Script}"));
        Assert.Equal(kind, (await images.AskAsync("a/artifact?repository=team/app")).Of("kind"));
        var page = (await pages.GetAsync("/r/team/app:a")).Is(200);
        Assert.Contains(words, page.Text);
        Assert.DoesNotContain(Script, page.Text);
        if (kind != "wasm") Assert.Contains("text &lt;script&gt;", page.Text);
    }

    [Fact]
    public async Task A_bill_of_materials_is_counted()
    {
        await PushAsync("s", "application/spdx+json", Empty, "{}", ("application/spdx+json", Bytes(Spdx), "s.json"));
        var sbom = (await images.AskAsync("s/artifact?repository=team/app")).GetProperty("sbom");
        Assert.Equal(("SPDX-2.3", "2"), (sbom.Of("format"), sbom.Of("packages")));
        var page = (await pages.GetAsync("/r/team/app:s")).Is(200);
        Assert.Contains("SPDX-2.3 with 2 packages", page.Text);
        Assert.Contains("libc6", page.Text);
        Assert.DoesNotContain(Script, page.Text);
        const string Cyclone = """
            {"bomFormat":"CycloneDX","specVersion":"1.6",
            "components":[{"name":"a","licenses":[{"license":{"id":"MIT"}}]}]}
            """;
        await PushAsync(
            "c", "application/vnd.cyclonedx+json", Empty, "{}",
            ("application/vnd.cyclonedx+json", Bytes(Cyclone), "c.json"));
        var other = (await images.AskAsync("c/artifact?repository=team/app")).GetProperty("sbom");
        Assert.Equal(("CycloneDX 1.6", "1"), (other.Of("format"), other.Of("packages")));
        Assert.Equal("MIT", other.GetProperty("first")[0].Of("license"));
    }

    [Fact]
    public async Task Referrers_are_a_tree_whatever_way_they_are_attached()
    {
        var amd = await images.PushAsync("team/app", null, """{"os":"linux","architecture":"amd64"}""");
        var proof = await PushAsync(
            null, null, Empty, "{}", ("application/vnd.in-toto+json", Bytes($$"""{"predicate":{{Spdx}}}"""), ""),
            ",\"in-toto.io/predicate-type\":\"https://spdx.dev/Document\"");
        var index = await images.PushManifestAsync("team/app", "1", IndexType, $$"""
            {"schemaVersion":2,"mediaType":"{{IndexType}}","manifests":[
            {"mediaType":"{{ManifestType}}","digest":"{{amd}}","size":2,
            "platform":{"os":"linux","architecture":"amd64"} },
            {"mediaType":"{{ManifestType}}","digest":"{{proof}}","size":2,
            "platform":{"os":"unknown","architecture":"unknown"},
            "annotations":{"vnd.docker.reference.type":"attestation-manifest",
            "vnd.docker.reference.digest":"{{amd}}"} }]}
            """);
        var sbom = await PushAsync(
            null, "application/spdx+json", Empty, "{}", ("application/spdx+json", Bytes(Spdx), ""), subject: index);
        var about = await PushAsync(
            null, "application/vnd.cncf.notary.signature", Empty, "{}", ("application/jose+json", [1], ""),
            subject: sbom);
        var signature = await PushAsync(
            index.Replace(':', '-') + ".sig", null, "application/vnd.oci.image.config.v1+json", "{}",
            ("application/vnd.dev.cosign.simplesigning.v1+json", [2], ""));
        var seen = await images.AskAsync("1/referrers?repository=team/app");
        Assert.Equal("True", seen.Of("isComplete"));
        Assert.Equal(
            [$"sbom {sbom} ", $"signature {signature} ", $"sbom {proof} linux/amd64"],
            seen.GetProperty("items").EnumerateArray()
                .Select(one => $"{one.Of("kind")} {one.Of("digest")} {one.Of("platform")}"));
        var first = seen.GetProperty("items")[0];
        Assert.Equal(("signature", about), (
            first.GetProperty("referrers")[0].Of("kind"), first.GetProperty("referrers")[0].Of("digest")));
        var statement = seen.GetProperty("items")[2].GetProperty("statements")[0];
        Assert.Equal(
            ("https://spdx.dev/Document", "SPDX-2.3", "2"),
            (statement.Of("predicateType"), statement.Of("sbomFormat"), statement.Of("packages")));
        var page = (await pages.GetAsync("/r/team/app:1/-/referrers")).Is(200);
        foreach (var digest in new[] { sbom, about, signature, proof }) Assert.Contains($"@{digest}", page.Text);
        Assert.Contains("linux/amd64</h2>", page.Text);
        Assert.Contains("Nothing refers to this", (await pages.GetAsync($"/r/team/app@{about}/-/referrers")).Text);
    }

    /// <summary>As buildx writes them with and without git's address, and GitHub, in an envelope.</summary>
    [Theory]
    [InlineData("""
        {"predicate":{"builder":{"id":"https://ci.example/1"},"invocation":{"configSource":{
        "uri":"https://git.example/acme/app.git#refs/heads/main","digest":{"sha1":"0123456789abcdef"} } } }}
        """, "https://git.example/acme/app.git", "0123456789abcdef", "https://git.example/acme/app")]
    [InlineData("""
        {"predicate":{"materials":[{"uri":"pkg:docker/alpine@3","digest":{"sha256":"aa"} }],"metadata":{
        "https://mobyproject.org/buildkit@v1#metadata":{"vcs":{"source":"https://git.example/acme/app",
        "revision":"0123456789abcdef"} } } }}
        """, "https://git.example/acme/app", "0123456789abcdef", "https://git.example/acme/app")]
    [InlineData("""
        {"predicate":{"buildDefinition":{"externalParameters":{"request":{"args":{
        "vcs:source":"git@git.example:acme/app","vcs:revision":"0123456789abcdef-dirty"} } } } }}
        """, "git@git.example:acme/app", "0123456789abcdef-dirty", null)]
    [InlineData("""
        {"predicate":{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/alpine","digest":{"sha256":"aa"} },
        {"uri":"git+https://git.example/acme/app@refs/tags/v1","digest":{"gitCommit":"0123456789abcdef"} }]} }}
        """, "https://git.example/acme/app", "0123456789abcdef", "https://git.example/acme/app")]
    [InlineData("""
        {"predicate":{"invocation":{"configSource":{"uri":"http://git.example/<script>alert(1)</script>"} } }}
        """, "http://git.example/<script>alert(1)</script>", "", null)]
    [InlineData("""
        {"predicate":{"invocation":{"configSource":{"uri":"javascript:alert(1)","digest":{"sha1":"0123456"} } } }}
        """, "javascript:alert(1)", "0123456", null)]
    public async Task A_provenance_leads_to_the_source_and_its_commit(
        string statement, string source, string revision, string? link)
    {
        const string Predicate = ",\"in-toto.io/predicate-type\":\"https://slsa.dev/provenance/v1\"";
        var image = await images.PushAsync("team/app", "1", """{"os":"linux"}""");
        var envelope = $$"""{"dsseEnvelope":{"payload":"{{Convert.ToBase64String(Bytes(statement))}}"} }""";
        foreach (var json in new[] { statement, envelope })
        {
            var proof = await PushAsync(
                "p", "application/vnd.in-toto+json", Empty, "{}", ("application/vnd.in-toto+json", Bytes(json), ""),
                Predicate, subject: image);
            var seen = (await images.AskAsync("p/artifact?repository=team/app")).GetProperty("provenance");
            Assert.Equal((source, revision), (seen.Of("source"), seen.Of("revision")));
            var referrers = (await pages.GetAsync("/r/team/app:1/-/referrers")).Is(200);
            foreach (var page in new[] { (await pages.GetAsync($"/r/team/app@{proof}")).Is(200), referrers })
            {
                Assert.Contains("not verified", page.Text);
                Assert.DoesNotContain(Script, page.Text);
                Assert.DoesNotContain("href=\"javascript:", page.Text);
                Assert.DoesNotContain("href=\"http://git", page.Text);
                Assert.Equal(link is not null, page.Text.Contains($"<a href=\"{source}\" rel=\"nofollow"));
                Assert.Equal(link is not null, page.Text.Contains($"<a href=\"{link}/commit/{revision}\" rel"));
            }

            await images.SendAsync("DELETE", $"/v2/team/app/manifests/{proof}", null, null, 202);
        }
    }

    [Fact]
    public async Task The_command_line_tells_the_same()
    {
        await PushAsync(
            "m", null, "application/vnd.docker.ai.model.config.v0.1+json",
            """{"config":{"format":"gguf","architecture":"\u001b[31mllama"}}""",
            ("application/vnd.docker.ai.gguf.v3", [1, 2, 3], "model.gguf"));
        var model = await images.AskAsync("m?repository=team/app");
        await PushAsync(
            null, "application/spdx+json", Empty, "{}", ("application/spdx+json", Bytes(Spdx), ""),
            subject: model.Of("digest"));
        var command = new AccountCommand(registry);
        var said = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "artifact", "team/app:m");
        Assert.Equal("kind: model\nformat: gguf\narchitecture: ?[31mllama\n", said.Is(0).Output);
        var about = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "referrers", "team/app:m");
        Assert.Matches("sbom .* SPDX-2.3 \\(2 packages\\)", about.Is(0).Output);
        await PushAsync(
            "p", "application/vnd.in-toto+json", Empty, "{}",
            ("application/vnd.in-toto+json", Bytes("""
                {"predicate":{"invocation":{"configSource":{"uri":"https://a/b\u001b[31m","digest":{"sha1":"abc"} } } }}
                """), ""),
            ",\"in-toto.io/predicate-type\":\"https://slsa.dev/provenance/v0.2\"", subject: model.Of("digest"));
        var proof = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "artifact", "team/app:p");
        Assert.Contains("kind: provenance\nsource: https://a/b?[31m\nrevision: abc\n", proof.Is(0).Output);
        about = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "referrers", "team/app:m");
        Assert.Contains("https://a/b?[31m abc", about.Is(0).Output);

        // One that has no source tells its builder.
        await PushAsync(
            null, "application/vnd.in-toto+json", Empty, "{}",
            ("application/vnd.in-toto+json", Bytes("""{"predicate":{"builder":{"id":"https://builder/c"}}}"""), ""),
            ",\"in-toto.io/predicate-type\":\"https://slsa.dev/provenance/v0.2\"", subject: model.Of("digest"));
        about = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "referrers", "team/app:m");
        Assert.Contains("https://builder/c", about.Is(0).Output);
        var manifest = await command.AskAsync("admin", AccountsOf.AdminPassword, "image", "manifest", "team/app:m");
        Assert.Equal(model.Of("digest"), ContentImages.DigestOf(Bytes(manifest.Is(0).Output)));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static Dictionary<string, string> FactsOf(JsonElement artifact) =>
        artifact.GetProperty("facts").EnumerateArray().ToDictionary(one => one.Of("name"), one => one.Of("value"));

    /// <summary>Pushes an artifact with one file; returns its digest.</summary>
    private async Task<string> PushAsync(
        string? tag, string? type, string configType, string config, (string Type, byte[] Bytes, string Name) file,
        string annotations = "", string? subject = null)
    {
        foreach (var blob in new[] { Bytes(config), file.Bytes })
        {
            await images.SendAsync(
                "POST", $"/v2/team/app/blobs/uploads/?digest={ContentImages.DigestOf(blob)}", blob, null, 201);
        }

        var (said, about) = (
            type is null ? "" : $"\"artifactType\":\"{type}\",",
            subject is null ? ""
                : $$""","subject":{"mediaType":"{{ManifestType}}","digest":"{{subject}}","size":2}""");
        return await images.PushManifestAsync("team/app", tag, ManifestType, $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",{{said}}
            "config":{{ContentImages.Describe(configType, Bytes(config))}},
            "layers":[{"mediaType":"{{file.Type}}","digest":"{{ContentImages.DigestOf(file.Bytes)}}",
            "size":{{file.Bytes.Length}},
            "annotations":{"org.opencontainers.image.title":"{{file.Name}}"{{annotations}} } }]{{about}} }
            """);
    }
}
