using System.Diagnostics;
using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Settings;

namespace Berth.Tests.Clients;

/// <summary>Docker 20.10, as Debian 12 has it.</summary>
public sealed class OldestDockerFixture() : DockerFixture("bookworm", containerdStore: false);

/// <summary>
/// Docker logged out, with the right password and with a wrong one, where everyone may pull and where only users may.
/// Logged out, it only continues if it is asked for a token; with a wrong password, it gets what everyone gets.
/// </summary>
public abstract class DockerSignInTests(DockerFixture fixture)
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
            one.CheckPullUnasked(pull);
            await docker.RunAsync("tag", known, one.Pushed);
            one.CheckPush(await docker.TryRunAsync("--config", one.ConfigFolder, "push", one.Pushed));
            if (one.Login?.Split(':') is not [var user, var password]) continue;
            var login = await docker.TryRunAsync(
                "--config", fixture.Client.NewPath("config"), "login", "--username", user, "--password", password,
                one.Address);
            one.CheckLogin(login);
        }
    }

    [Fact]
    public async Task A_login_keeps_a_token_in_place_of_the_password_and_gets_others_with_it()
    {
        await using var registry = await StartAsync(TimeSpan.FromMinutes(5));
        await using var proxy = await RecordingProxy.StartAsync(registry.BaseAddress);
        await SignInAccounts.AskAsync(
            registry, HttpMethod.Post, "users", $$"""{"name":"eve","password":"{{SignInAccounts.Password}}"}""");
        var config = await LogInAsync(proxy.Address, "eve");
        var file = await File.ReadAllTextAsync(Path.Combine(config, "config.json"), Stop);
        var kept = JsonNode.Parse(file)!["auths"]![proxy.Address]!;
        Assert.StartsWith("berth_ref_", (string?)kept["identitytoken"], StringComparison.Ordinal);
        Assert.Equal("eve:", Encoding.UTF8.GetString(Convert.FromBase64String((string)kept["auth"]!)));

        var before = proxy.Calls.Count;
        var image = await ImportAsync(proxy.Address, "eve/app", 1000);
        await DockerAsync(config, "push", image);
        await DockerAsync(config, "image", "rm", image);
        await DockerAsync(config, "pull", image);
        var calls = proxy.Calls.Skip(before).ToList();
        Assert.Contains("POST /token 200", calls);
        Assert.DoesNotContain(calls, call => call.StartsWith("GET /token", StringComparison.Ordinal));

        // The token is worth nothing without its user.
        await SignInAccounts.AskAsync(registry, HttpMethod.Patch, "users/eve", """{"isDisabled":true}""");
        await DockerAsync(config, "image", "rm", image);
        var refused = await fixture.Docker.TryRunAsync("--config", config, "pull", image);
        Assert.True(refused.ExitCode != 0, refused.Output);
    }

    [Fact]
    public async Task An_upload_that_takes_longer_than_its_token_is_valid_succeeds()
    {
        var lifetime = TestRounds.Of(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        var (push, calls) = await PushSlowlyAsync(lifetime, TestRounds.Of(4 * lifetime, TimeSpan.FromSeconds(20)));
        Assert.True(
            calls.Exists(call => call.StartsWith("PUT /v2/admin/slow/blobs/uploads/", StringComparison.Ordinal)
                && call.EndsWith(" 201", StringComparison.Ordinal)),
            $"{push.Error}\n{string.Join('\n', calls)}");

        // Docker takes no token for shorter than a minute, so the rest of the push is lost, unless that is over too.
        if (!TestRounds.IsLong) return;
        var minute = TimeSpan.FromMinutes(1);
        (push, calls) = await PushSlowlyAsync(minute, minute + TimeSpan.FromSeconds(15));
        Assert.True(push.ExitCode == 0, $"{push.Error}\n{string.Join('\n', calls)}");
    }

    private async Task<(ProgramRun Push, List<string> Calls)> PushSlowlyAsync(TimeSpan lifetime, TimeSpan duration)
    {
        const int BytesPerSecond = 200_000;
        await using var registry = await StartAsync(lifetime);
        await using var proxy = await RecordingProxy.StartAsync(registry.BaseAddress, BytesPerSecond);
        var config = await LogInAsync(proxy.Address, "admin");
        var image = await ImportAsync(proxy.Address, "admin/slow", (int)(duration.TotalSeconds * BytesPerSecond));
        var before = proxy.Calls.Count;
        var took = Stopwatch.StartNew();
        var push = await fixture.Docker.TryRunAsync("--config", config, "push", image);
        Assert.True(took.Elapsed > lifetime, $"a push in {took.Elapsed} shows nothing");
        return (push, [.. proxy.Calls.Skip(before)]);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static Task<RegistryFixture> StartAsync(TimeSpan lifetime) => RegistryFixture.StartAsync(s => s with
    {
        Auth = new AuthSettings { Local = SignInAccounts.Settings, TokenLifetime = lifetime },
    });

    /// <returns>The configuration folder.</returns>
    private async Task<string> LogInAsync(string address, string user)
    {
        var config = fixture.Client.NewPath("config");
        await DockerAsync(
            config, "login", "--username", user, "--password", SignInAccounts.Password, address);
        return config;
    }

    private async Task DockerAsync(string config, params IEnumerable<string> arguments) =>
        (await fixture.Docker.TryRunAsync(["--config", config, .. arguments])).OutputOfSuccess();

    /// <summary>An image of random bytes, which no client can compress.</summary>
    private async Task<string> ImportAsync(string address, string repository, int bytes)
    {
        var archive = fixture.Client.NewPath("image");
        await using (var writer = new TarWriter(File.Create(archive)))
        {
            await writer.WriteEntryAsync(
                new PaxTarEntry(TarEntryType.RegularFile, "bytes")
                {
                    DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(bytes)),
                },
                Stop);
        }

        var image = $"{address}/{repository}:1";
        await fixture.Docker.RunAsync("import", archive, image);
        return image;
    }
}

/// <summary>Docker 20.10.</summary>
public sealed class OldestDockerSignInTests(OldestDockerFixture fixture)
    : DockerSignInTests(fixture), IClassFixture<OldestDockerFixture>;

/// <summary>Docker 28 or later, docker's own store.</summary>
public sealed class ClassicDockerSignInTests(ClassicDockerFixture fixture)
    : DockerSignInTests(fixture), IClassFixture<ClassicDockerFixture>;

/// <summary>Docker 28 or later, containerd's store.</summary>
public sealed class ContainerdDockerSignInTests(ContainerdDockerFixture fixture)
    : DockerSignInTests(fixture), IClassFixture<ContainerdDockerFixture>;
