namespace Berth.Tests.Clients;

/// <summary>Docker 20.10, as Debian 12 has it.</summary>
public sealed class OldestDockerFixture() : DockerFixture("bookworm", containerdStore: false);

/// <summary>
/// Docker logged out, with the right password and with a wrong one, where everyone may pull and where only users may.
/// Logged out, it only continues if it is asked for a token; logged in, it only sends its password if asked.
/// </summary>
public abstract class DockerSignInTests(DockerFixture fixture, bool asksFirst)
{
    [Fact]
    public async Task Docker_pulls_and_pushes_where_its_login_lets_it()
    {
        await using var registries = await SignInRegistries.StartAsync(fixture.Client);
        var docker = fixture.Docker;
        var known = registries.Cases.First(c => c.MayPull).Seeded;
        await docker.RunAsync("pull", known);
        foreach (var one in registries.Cases)
        {
            var pull = await docker.TryRunAsync("--config", one.ConfigFolder, "pull", one.Seeded);
            if (asksFirst) one.CheckPullUnasked(pull);
            else one.CheckPull(pull);
            await docker.RunAsync("tag", known, one.Pushed);
            one.CheckPush(await docker.TryRunAsync("--config", one.ConfigFolder, "push", one.Pushed));
            if (one.Login?.Split(':') is not [var user, var password]) continue;
            var login = await docker.TryRunAsync(
                "--config", fixture.Client.NewPath("config"), "login", "--username", user, "--password", password,
                one.Address);
            one.CheckLogin(login);
        }
    }
}

/// <summary>Docker 20.10.</summary>
public sealed class OldestDockerSignInTests(OldestDockerFixture fixture)
    : DockerSignInTests(fixture, asksFirst: false), IClassFixture<OldestDockerFixture>;

/// <summary>Docker 28 or later, docker's own store.</summary>
public sealed class ClassicDockerSignInTests(ClassicDockerFixture fixture)
    : DockerSignInTests(fixture, asksFirst: false), IClassFixture<ClassicDockerFixture>;

/// <summary>Docker 28 or later, containerd's store.</summary>
public sealed class ContainerdDockerSignInTests(ContainerdDockerFixture fixture)
    : DockerSignInTests(fixture, asksFirst: true), IClassFixture<ContainerdDockerFixture>;
