using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Contents;

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
            curl() { command curl --fail-with-body -sS "$@"; }
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
