namespace Berth.Tests.Clients;

/// <summary>The .NET SDK with each kind of login in docker's configuration.</summary>
public sealed class DotnetSignInTests(SignInFixture fixture) : IClassFixture<SignInFixture>
{
    [Fact]
    [Trait("speed", "slow")]
    public async Task The_dotnet_SDK_pulls_bases_and_pushes_images_where_its_login_lets_it()
    {
        var client = fixture.Client;
        var project = await DotnetProject.WriteAsync(client, "<RuntimeIdentifier>linux-x64</RuntimeIdentifier>");
        foreach (var one in fixture.Registries.LocalCases)
        {
            var basis = one.Repository + ":1";
            one.CheckPull(await project.PublishAsync(
                one.Address, basis, one.ConfigFolder, $"-p:ContainerArchiveOutputPath={client.NewPath("image")}.tar"));

            // Without its base there is nothing to push.
            if (!one.MayPull) continue;
            one.CheckPush(await project.PublishAsync(
                one.Address, basis, one.ConfigFolder,
                DotnetProject.To(one.Address, one.Pushed[(one.Address.Length + 1)..^2])));
        }
    }
}
