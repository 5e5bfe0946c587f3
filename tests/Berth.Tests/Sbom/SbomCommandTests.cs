using System.Text.Json.Nodes;
using Berth.Oci;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using Berth.Tests.Contents;
using Berth.Tests.Verifying;

namespace Berth.Tests.Sbom;

/// <summary><c>berth image packages</c> and <c>berth sbom</c>, and the page about them.</summary>
[Inside]
public sealed class SbomCommandTests
{
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("var/lib/dpkg/status", "Package: libssl3\nVersion: 3.0.15\n\nPackage: e\u009b31m\nVersion: 1\n")
        .File("app/node_modules/left-pad/package.json", """{"name":"left-pad","version":"1.3.0","license":"MIT"}""")
        .End());

    [Fact]
    public async Task The_commands_of_the_page_on_bills_of_materials_work_as_they_stand()
    {
        await using var registry = await AccountsOf.StartAsync();
        var images = new ContentImages(registry);
        var (intel, arm) = (
            await images.PushAsync("acme/app", "intel", Layer),
            await images.PushAsync("acme/app", "arm", Layer, Layer));
        await images.PushIndexAsync(
            "acme/app", "1.0", (intel, """{"os":"linux","architecture":"amd64"}"""),
            (arm, """{"os":"linux","architecture":"arm64"}"""));
        await images.SeeAsync("1.0/packages?repository=acme/app");
        var blocks = DocumentedCommandTests.BlocksOf("docs/sbom.md");
        Assert.Equal(2, blocks.Count);
        var script = string.Join('\n', blocks)
            .Replace("https://registry.example.com", registry.BaseAddress.ToString().TrimEnd('/'))
            .Replace("-u ann", $"-u 'admin:{AccountsOf.AdminPassword}'", StringComparison.Ordinal);
        var said = await DocumentedCommandTests.RunAsync(
            registry,
            $$"""
            cd "$(mktemp -d)"
            trap 'rm -r "$PWD"' EXIT
            berth() { {{string.Join(' ', BerthProgram.CommandOf(BerthProgram.Path))}} "$@"; }
            curl() { command curl -sS "$@"; }
            {{script}}
            jq -c '.components[] | [.name, .version]' app.cdx.json
            jq -c '.packages[1].name' app.spdx.json
            ls
            """);
        Assert.Contains("npm   left-pad  1.3.0    MIT      /app/node_modules/left-pad/package.json", said);
        Assert.Contains("[\"libssl3\",\"3.0.15\"]", said);
        Assert.EndsWith("app.cdx.json\napp.spdx.json\n", said);

        // What an image says must not change the terminal.
        Assert.Contains("e?31m", said);
        Assert.DoesNotContain("e\u009b31m  ", said);
    }

    [Theory]
    [InlineData(null, "http")]
    [InlineData("https://registry.example.com", "https")]
    public async Task The_database_and_the_server_name_the_image_alike(string? host, string scheme)
    {
        await using var registry = await AccountsOf.StartAsync(
            settings: s => s with { Http = s.Http with { Host = host } });
        var images = new ContentImages(registry);
        await images.PushAsync("acme/app", "1.0", Layer);
        await images.SeeAsync("1.0/packages?repository=acme/app");
        var local = new Dictionary<string, string>(registry.Variables)
        {
            ["REGISTRY_AUTH_LOCAL_ENABLED"] = "true",
            ["REGISTRY_HTTP_ADDR"] = registry.BaseAddress.Authority,
        };
        if (host is not null) local["REGISTRY_HTTP_HOST"] = host;
        var own = NamesOf(await AccountCommand.RunAsync(local, "", "sbom", "acme/app:1.0"));
        Assert.Equal(own, NamesOf(await new AccountCommand(registry).AskAsync(
            "admin", AccountsOf.AdminPassword, "sbom", "acme/app:1.0")));
        var named = host is null ? registry.BaseAddress.Authority : "registry.example.com";
        Assert.StartsWith($"{named}/acme/app:1.0 {scheme}://{named}/v2/acme/app/manifests/sha256:", own);
        Assert.Contains($"repository_url={named}%2Facme%2Fapp", own);

        static string NamesOf(CommandResult result)
        {
            var bill = JsonNode.Parse(result.Is(0).Output)!;
            var space = bill["documentNamespace"]!.GetValue<string>();
            Assert.True(Uri.IsWellFormedUriString(space, UriKind.Absolute), space);
            return $"{bill["name"]} {space.Split('?')[0]} "
                + bill["packages"]![0]!["externalRefs"]![0]!["referenceLocator"];
        }
    }

    [Fact]
    public async Task One_that_came_with_the_image_is_written_first_and_that_is_said()
    {
        await using var registry = await AccountsOf.StartAsync();
        var images = new ContentImages(registry);
        var image = await images.PushAsync("acme/app", "1", Layer);
        var artifacts = new SignedImages(ApiRegistry.Of(registry), AccountsOf.AdminPassword);
        var bill = await artifacts.PushBlobAsync("acme/app", "{\"spdxVersion\":\"SPDX-2.3\"}"u8);
        await artifacts.PushManifestAsync("acme/app", null, new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = "application/spdx+json",
            ["config"] = SignedImages.Describe(
                "application/vnd.oci.empty.v1+json", await artifacts.PushBlobAsync("acme/app", "{}"u8)),
            ["layers"] = new JsonArray(SignedImages.Describe("application/spdx+json", bill)),
            ["subject"] = SignedImages.Describe(MediaTypes.OciManifest, (image, 2)),
        });
        await images.SeeAsync("1/packages?repository=acme/app");
        var environment = new Dictionary<string, string> { ["BERTH_PASSWORD"] = AccountsOf.AdminPassword };
        string[] asked = ["sbom", "acme/app:1", "--user", "admin", "--server", registry.BaseAddress.ToString()];
        var came = (await AccountCommand.RunAsync(environment, "", asked)).Is(0);
        Assert.Equal("{\"spdxVersion\":\"SPDX-2.3\"}", came.Output.Trim());
        Assert.Contains("It came with the image", came.Errors);
        var own = (await AccountCommand.RunAsync(environment, "", [.. asked, "--source", "berth"])).Is(0);
        Assert.Contains("libssl3", own.Output);
        var none = await AccountCommand.RunAsync(
            environment, "", [.. asked, "--format", "cyclonedx-json", "--source", "attached"]);
        Assert.Contains("there is no bill of materials in cyclonedx-json", none.Is(1).Errors);
    }

    [Fact]
    public async Task What_is_wrong_is_said()
    {
        await using var registry = await AccountsOf.StartAsync();
        await new ContentImages(registry).PushAsync("acme/bad", "1", [1, 2, 3]);
        var command = new AccountCommand(registry);
        var bill = (await command.RunAsync("sbom", "acme/bad:1")).Is(0);
        Assert.Contains("it is cut off", bill.Errors);
        Assert.Contains("Packages may be missing", bill.Output);
        var table = (await command.RunAsync("sbom", "acme/bad:1", "--format", "table")).Is(2);
        Assert.Contains("Must be one of", table.Errors);
        Assert.Contains("there is no", (await command.RunAsync("sbom", "acme/none:1")).Is(1).Errors);
        var folder = Path.Combine(registry.DataFolder, "none", "app.json");
        Assert.Contains("none", (await command.RunAsync("sbom", "acme/bad:1", "-o", folder)).Is(2).Errors);
    }
}
