namespace Berth.Tests.Clients;

/// <summary>A program that the .NET SDK makes an image of.</summary>
internal sealed class DotnetProject
{
    private readonly ClientFixture client;
    private readonly string folder;

    private DotnetProject(ClientFixture client, string folder) => (this.client, this.folder) = (client, folder);

    /// <param name="client">Whose home and folder it uses.</param>
    /// <param name="property">Says for which architectures.</param>
    public static async Task<DotnetProject> WriteAsync(ClientFixture client, string property)
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = Directory.CreateDirectory(client.NewPath("hello")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), "return 0;", stop);
        await File.WriteAllTextAsync(Path.Combine(folder, "hello.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <SelfContained>false</SelfContained>
                <UseAppHost>false</UseAppHost>
                <EnableRuntimePackDownload>false</EnableRuntimePackDownload>
                <EnableAppHostPackDownload>false</EnableAppHostPackDownload>
                {property}
                <ContainerImageTag>1</ContainerImageTag>
              </PropertyGroup>
            </Project>
            """, stop);
        return new DotnetProject(client, folder);
    }

    /// <summary>Publishes it, which may fail.</summary>
    /// <param name="address">The registry of the base image.</param>
    /// <param name="image">The base image's name and tag there.</param>
    /// <param name="config">A docker configuration folder.</param>
    /// <param name="options">Where the result goes, and more.</param>
    public Task<ProgramRun> PublishAsync(
        string address, string image, string config, params IEnumerable<string> options) => client.TryRunAsync(
        "env",
        [
            $"DOCKER_CONFIG={config}", $"DOTNET_CONTAINER_INSECURE_REGISTRIES={address}",
            "DOTNET_CLI_USE_MSBUILD_SERVER=0", "MSBUILDDISABLENODEREUSE=1", "DOTNET_NOLOGO=1",
            "dotnet", "publish", folder, "-t:PublishContainer", "-p:UseSharedCompilation=false",
            $"-p:ContainerBaseImage={address}/{image}", .. options,
        ]);

    /// <summary>Options that push the result to a repository.</summary>
    public static string[] To(string address, string repository) =>
        [$"-p:ContainerRegistry={address}", $"-p:ContainerRepository={repository}"];
}
