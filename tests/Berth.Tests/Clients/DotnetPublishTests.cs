using System.Text.Json.Nodes;

namespace Berth.Tests.Clients;

/// <summary>The .NET SDK, which builds and pushes images by itself.</summary>
public sealed class DotnetPublishTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    [Fact]
    [Trait("speed", "slow")]
    public async Task The_dotnet_SDK_publishes_a_program_onto_a_base_image()
    {
        var basis = OciLayout.Write(client.NewPath("layout"), "a base");
        await client.RunAsync(client.Tools.Crane, "push", basis.Folder, $"{client.Address}/dotnet/base:1");
        await PublishAsync("dotnet/app", "<RuntimeIdentifier>linux-x64</RuntimeIdentifier>");

        var manifest = await ManifestAsync("dotnet/app:1");
        var layers = manifest["layers"]!.AsArray().Select(layer => (string)layer!["digest"]!).ToList();
        Assert.Equal(basis.Layers, layers[..^1]);
        await client.RunAsync(client.Tools.Crane, "validate", "--remote", $"{client.Address}/dotnet/app:1");
        var files = await client.RunAsync(
            "bash", "-c", $"'{client.Tools.Crane}' export {client.Address}/dotnet/app:1 - | tar -t");
        Assert.Contains("app/hello.dll", files, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("speed", "slow")]
    public async Task The_dotnet_SDK_publishes_an_index_of_two_architectures()
    {
        var basis = OciLayout.WriteIndex(client.NewPath("layout"), "two bases", "amd64", "arm64");
        await client.RunAsync(client.Tools.Crane, "push", basis.Folder, $"{client.Address}/dotnet/base:1");
        await PublishAsync("dotnet/two", "<RuntimeIdentifiers>linux-x64;linux-arm64</RuntimeIdentifiers>");

        var architectures = (await ManifestAsync("dotnet/two:1"))["manifests"]!.AsArray()
            .Select(child => (string)child!["platform"]!["architecture"]!);
        Assert.Equal(["amd64", "arm64"], architectures.Order());
        await client.RunAsync(client.Tools.Crane, "validate", "--remote", $"{client.Address}/dotnet/two:1");
    }

    private async Task PublishAsync(string repository, string property)
    {
        var project = await DotnetProject.WriteAsync(client, property);
        var run = await project.PublishAsync(
            client.Address, "dotnet/base:1", client.Environment["DOCKER_CONFIG"],
            DotnetProject.To(client.Address, repository));
        run.OutputOfSuccess();
    }

    private async Task<JsonNode> ManifestAsync(string image) =>
        JsonNode.Parse(await client.RunAsync(client.Tools.Crane, "manifest", $"{client.Address}/{image}"))!;
}
