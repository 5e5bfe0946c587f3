using System.Text;

namespace Berth.Tests.Clients;

/// <summary>The registries and the client programs, for one class of tests.</summary>
public sealed class SignInFixture : IAsyncLifetime
{
    /// <summary>The programs, and their home.</summary>
    public ClientFixture Client { get; } = new();

    internal SignInRegistries Registries { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        await Client.InitializeAsync();
        Registries = await SignInRegistries.StartAsync(Client);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Registries is not null) await Registries.DisposeAsync();
        await Client.DisposeAsync();
    }
}

/// <summary>
/// Each client program logged out, with the right password and with a wrong one, where everyone may pull and where
/// only users may.
/// </summary>
public sealed class SignInTests(SignInFixture fixture) : IClassFixture<SignInFixture>
{
    private readonly ClientFixture client = fixture.Client;
    private readonly SignInRegistries registries = fixture.Registries;

    [Fact]
    public Task Curl_pulls_and_pushes_where_its_password_lets_it() => ForEachAsync(
        c => CurlAsync(c, $"http://{c.Address}/v2/{c.Repository}/manifests/1"),
        c => CurlAsync(c, "-X", "POST", $"http://{c.Address}/v2/pushed/curl/blobs/uploads/"));

    [Fact]
    public Task Crane_pulls_and_pushes_where_its_login_lets_it() => ForEachAsync(
        c => CraneAsync(c, "pull", c.Seeded, client.NewPath("pulled")),
        c => CraneAsync(c, "push", registries.Image.Folder, c.Pushed));

    [Fact]
    public Task Oras_pulls_and_pushes_where_its_login_lets_it() => ForEachAsync(
        c => OrasAsync(c, "copy", "--concurrency=1", "--from-plain-http", "--from-registry-config", c.ConfigFile,
            c.Seeded, "--to-oci-layout", client.NewPath("pulled") + ":1"),
        c => OrasAsync(c, "copy", "--concurrency=1", "--from-oci-layout", registries.Image.Folder + ":1",
            "--to-plain-http", "--to-registry-config", c.ConfigFile, c.Pushed));

    [Fact]
    public Task Skopeo_inspects_and_copies_where_its_login_lets_it() => ForEachAsync(
        c => client.TryRunAsync(
            "skopeo", "inspect", "--tls-verify=false", "--authfile", c.ConfigFile, $"docker://{c.Seeded}"),
        c => client.TryRunAsync(
            "skopeo", "copy", "--dest-tls-verify=false", "--authfile", c.ConfigFile,
            $"oci:{registries.Image.Folder}:1", $"docker://{c.Pushed}"));

    [Fact]
    public async Task Skopeo_without_credentials_at_all_pulls_where_everyone_may()
    {
        foreach (var one in registries.Cases.Where(c => c.Login is null))
        {
            one.CheckPull(await client.TryRunAsync(
                "skopeo", "inspect", "--tls-verify=false", "--no-creds", $"docker://{one.Seeded}"));
        }
    }

    [Fact]
    public async Task Podman_and_buildah_pull_and_push_where_their_login_lets_them()
    {
        string[] store = ["--root", $"{client.Folder}/containers", "--runroot", $"{client.Folder}/run"];
        foreach (var (program, always) in new[] { ("podman", "--quiet"), ("buildah", "--policy=always") })
        {
            await client.RunAsync(program, [.. store, "pull", "--tls-verify=false", registries.Cases[0].Seeded]);
            var id = await client.RunAsync(program, [.. store, "images", "--quiet", "--no-trunc"]);
            await ForEachAsync(
                c => client.TryRunAsync(program, [.. store, "pull", always, .. Options(c), c.Seeded]),
                c => client.TryRunAsync(
                    program, [.. store, "push", .. Options(c), id.Split('\n')[0], $"docker://{c.Pushed}"]));
        }

        static string[] Options(SignInCase c) => ["--tls-verify=false", "--authfile", c.ConfigFile];
    }

    [Theory]
    [InlineData("podman")]
    [InlineData("skopeo")]
    [InlineData("oras")]
    public async Task Login_succeeds_with_the_right_password_and_fails_with_a_wrong_one(string program)
    {
        foreach (var one in registries.Cases.Where(c => c.Login is not null))
        {
            var login = one.Login!.Split(':');
            string[] options = program == "oras"
                ? ["--plain-http", "--registry-config", client.NewPath("config")]
                : ["--tls-verify=false", "--authfile", client.NewPath("auth")];
            one.CheckLogin(await client.TryRunAsync(
                program == "oras" ? client.Tools.Oras : program,
                ["login", .. options, "--username", login[0], "--password", login[1], one.Address]));
        }
    }

    [Theory]
    [InlineData("trixie")]
    [InlineData("sid")]
    public async Task Ctr_pulls_and_pushes_where_its_password_lets_it(string suite)
    {
        await using var containerd = await Containerd.StartAsync(client, suite);
        var local = $"{client.Address}/local/app:1";
        await containerd.ImportAsync(registries.Image, local);
        await ForEachAsync(
            c => containerd.TryRunAsync(["images", "pull", "--plain-http", .. User(c), c.Seeded]),
            c => containerd.TryRunAsync(["images", "push", "--plain-http", .. User(c), c.Pushed, local]));

        static string[] User(SignInCase c) => c.Login is { } login ? ["--user", login] : [];
    }

    /// <summary>
    /// A host in hosts.toml stands for another name, and may have a header with the login, as where no program gives
    /// containerd one.
    /// </summary>
    [Fact]
    public async Task Ctr_with_a_file_of_hosts_pulls_and_pushes_where_its_login_lets_it()
    {
        const string Host = "registry.example.com";
        await using var containerd = await Containerd.StartAsync(client, "trixie");
        await containerd.ImportAsync(registries.Image, $"{Host}/local/app:1");
        foreach (var one in registries.Cases)
        {
            var (pulled, pushed) = ($"{Host}/{one.Repository}:1", $"{Host}/pushed/{Guid.NewGuid():N}:1");
            var byOption = one.Login is { } login ? new[] { "--user", login } : [];
            foreach (var (folder, user) in new[] { (Hosts(one, false), byOption), (Hosts(one, true), []) })
            {
                var pull = await containerd.TryRunAsync(["images", "pull", "--hosts-dir", folder, .. user, pulled]);
                one.CheckPullUnasked(pull);
                await containerd.TryRunAsync("images", "rm", "--sync", pulled);
                one.CheckPush(await containerd.TryRunAsync(
                    ["images", "push", "--hosts-dir", folder, .. user, pushed, $"{Host}/local/app:1"]));
            }
        }

        string Hosts(SignInCase one, bool withLogin)
        {
            var folder = client.NewPath("hosts");
            Directory.CreateDirectory(Path.Combine(folder, Host));
            var header = !withLogin || one.Login is null ? "" : $"""
                [host."http://{one.Address}".header]
                authorization = "Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(one.Login))}"
                """;
            File.WriteAllText(Path.Combine(folder, Host, "hosts.toml"), $"""
                server = "http://{one.Address}"
                [host."http://{one.Address}"]
                capabilities = ["pull", "resolve", "push"]
                {header}
                """);
            return folder;
        }
    }

    /// <summary>
    /// These programs try without their password first, or send it without asking for a token: then a wrong one takes
    /// nothing away from what everyone may.
    /// </summary>
    /// <param name="pull">Pulls, or whatever needs the same right.</param>
    /// <param name="push">Pushes.</param>
    private async Task ForEachAsync(
        Func<SignInCase, Task<ProgramRun>> pull, Func<SignInCase, Task<ProgramRun>> push)
    {
        foreach (var one in registries.Cases)
        {
            one.CheckPullUnasked(await pull(one));
            one.CheckPush(await push(one));
        }
    }

    private Task<ProgramRun> CurlAsync(SignInCase c, params IEnumerable<string> arguments) => client.TryRunAsync(
        "curl", ["-sS", "--fail-with-body", .. c.Login is { } login ? new[] { "-u", login } : [], .. arguments]);

    private Task<ProgramRun> CraneAsync(SignInCase c, params IEnumerable<string> arguments) =>
        client.TryRunAsync("env", [$"DOCKER_CONFIG={c.ConfigFolder}", client.Tools.Crane, .. arguments]);

    private Task<ProgramRun> OrasAsync(SignInCase c, params IEnumerable<string> arguments) =>
        client.TryRunAsync("env", [$"DOCKER_CONFIG={c.ConfigFolder}", client.Tools.Oras, .. arguments]);
}
