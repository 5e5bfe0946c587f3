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
        string[] options = [];
        foreach (var one in fixture.Registries.LocalCases)
        {
            // It goes on without a login that is refused.
            var basis = one.Repository + ":1";
            var pull = await project.PublishAsync(
                one.Address, basis, one.ConfigFolder,
                [.. options, $"-p:ContainerArchiveOutputPath={client.NewPath("image")}.tar"]);
            one.CheckPullUnasked(pull);

            // Without its base there is nothing to push.
            if (pull.ExitCode != 0) continue;
            options = ["--no-build"];
            one.CheckPush(await project.PublishAsync(
                one.Address, basis, one.ConfigFolder,
                [.. options, .. DotnetProject.To(one.Address, one.Pushed[(one.Address.Length + 1)..^2])]));
        }
    }
}
