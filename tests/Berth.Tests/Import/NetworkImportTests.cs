using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Berth.Access;
using Berth.Cli;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Berth.Tests.Clients;
using Berth.Tests.Servers;

namespace Berth.Tests.Import;

/// <summary><c>berth import URL</c>: images come over the network from registries that are what they seem.</summary>
[Inside]
public sealed class NetworkImportTests(OldRegistry old) : IClassFixture<OldRegistry>, IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-network-").FullName;
    private RegistryFixture registry = null!;
    private MovedRegistry moved = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync(auth => auth with { Anonymous = AnonymousAccess.Full });
        moved = new MovedRegistry(registry);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task All_tagged_images_come_byte_for_byte_and_a_second_run_brings_only_what_is_new()
    {
        var planned = (await ImportAsync(Url("team/"), "--dry-run")).Is(0).Output;
        Assert.Matches("team/app +3 +team/app", planned);
        Assert.Contains("2 repositories with ", planned);
        Assert.Empty(await registry.StoredAsync("blobs"));
        Assert.Contains("Nobody can be asked: give --yes", (await ImportAsync(Url("team/"))).Is(2).Errors);

        (await ImportAsync(Url("team/"), "--yes")).Is(0);
        var all = MovedRegistry.RevisionsIn(old.Registry.DataFolder).FindAll(
            one => one.Repository.StartsWith("team", StringComparison.Ordinal));
        var reachable = new List<(string, string)>();
        foreach (var one in all)
        {
            // What has no tag, and belongs to nothing that has one, can't be found over the network.
            if (await MovedRegistry.ManifestAsync(registry.Client, one.Repository, one.Digest) is not null)
                reachable.Add(one);
        }

        Assert.True(reachable.Count >= 7, $"{reachable.Count} of {all.Count}");
        await moved.AssertHasAllAsync(old.Client, reachable);
        Assert.Contains("application/x.review", await registry.Client.GetStringAsync(
            new Uri($"v2/team/app/referrers/{old.Index}", UriKind.Relative), Stop));

        var again = await ImportAsJsonAsync(Url("team/"));
        Assert.Equal((0, 0, 0), (Of(again, "manifests"), Of(again, "blobs"), Of(again, "tags")));

        // What another repository here has is mounted, and not sent again.
        var mirrored = await ImportAsJsonAsync(Url("team/"), "mirror");
        Assert.True(Of(mirrored, "manifests") > 0);
        Assert.Equal((0, 0), (Of(mirrored, "blobs"), Of(mirrored, "notes")));
        await old.PushAsync("later/app", "1", "first");
        (await ImportAsync(Url("later/app"), "--yes")).Is(0);
        var newer = await old.PushAsync("later/app", "1", "second");
        var third = await ImportAsJsonAsync(Url("later/app"));
        Assert.Equal((1, 1, 1), (Of(third, "manifests"), Of(third, "blobs"), Of(third, "tags")));
        Assert.Equal(newer, await DigestAsync("later/app", "1"));
    }

    [Fact]
    public async Task A_tag_that_somebody_else_has_pushed_here_stays_unless_it_may_be_overwritten()
    {
        var there = await old.PushAsync("kept/app", "1", "at the source");
        await new AccountsOf(registry).AddUserAsync("kept", "long enough");
        var here = await OldRegistry.PushAsync(registry.Client, "kept/app", "1", "pushed here");
        var said = (await ImportAsync(Url("kept/app"), "--yes")).Is(0).Output;
        Assert.Contains("tag kept", said);
        Assert.Contains("--overwrite moves it", said);
        Assert.Equal(here, await DigestAsync("kept/app", "1"));
        (await ImportAsync(Url("kept/app"), "--overwrite", "--yes")).Is(0);
        Assert.Equal(there, await DigestAsync("kept/app", "1"));
    }

    [Fact]
    public async Task Repositories_and_tags_are_chosen_by_name_and_pattern_and_go_below_another_name()
    {
        var one = await old.PushAsync("choice/app", "v1.0", "one");
        await old.PushAsync("choice/app", "v1.1-rc", "rc");
        await old.PushAsync("choice/app", "latest", "latest");
        await old.PushAsync("choice/deep/db", "v2", "db");
        await old.PushAsync("choice/web", "v3", "web");
        var attached = $"sha256-{one[7..]}.sig";
        await old.PushAsync("choice/app", attached, "a signature");
        (await ImportAsync(
            Url("choice/"), "mirror", "--tag", "v*", "--except-tag", "/-rc$/", "--repository", "choice/app",
            "--repository", "choice/deep/**", "--yes")).Is(0);
        Assert.Equal(["v1.0", attached], await TagsAsync("mirror/app"));
        Assert.Equal(["v2"], await TagsAsync("mirror/deep/db"));
        Assert.Empty(await TagsAsync("mirror/web"));
        (await ImportAsync(Url("choice/app:latest"), "acme/only", "--yes")).Is(0);
        Assert.Equal(["latest"], await TagsAsync("acme/only"));
        await File.WriteAllTextAsync(Path.Combine(folder, "names"), "# ours\nchoice/web\n\n", Stop);
        (await ImportAsync(Url(), "listed", "--repositories", Path.Combine(folder, "names"), "--yes")).Is(0);
        Assert.Equal(["v3"], await TagsAsync("listed/choice/web"));

        Assert.Contains("no repository nothing/here", (await ImportAsync(Url("nothing/here"), "--yes")).Is(2).Errors);
        Assert.Contains("matches no repository", (await ImportAsync(Url(), "--repository", "A B")).Is(2).Errors);
        Assert.Contains("is no name of repositories", (await ImportAsync(Url(), "A B", "--yes")).Is(2).Errors);
        Assert.Contains("from 1 to 64", (await ImportAsync(Url(), "--parallel", "0")).Is(2).Errors);
        Assert.Contains(
            "--tag is for a registry at an address", (await ImportAsync(folder, "--tag", "1")).Is(2).Errors);
        Assert.Contains(
            "others see a password in an address",
            (await ImportAsync("http://a:b@localhost/", "--yes")).Is(2).Errors);
    }

    [Fact]
    public async Task A_registry_that_wants_passwords_gets_them_from_the_environment_and_from_docker()
    {
        var tools = await ClientTools.ReadyAsync();
        await File.WriteAllTextAsync(
            Path.Combine(folder, "users"), $"jane:{BCrypt.Net.BCrypt.HashPassword("secret", 4)}\n", Stop);
        await using var locked = await DistributionRegistry.StartAsync(
            tools, $"auth: {{htpasswd: {{realm: x, path: {folder}/users}}}}", storage: null);
        using var jane = new HttpClient { BaseAddress = new Uri($"http://{locked.Address}") };
        var auth = Convert.ToBase64String("jane:secret"u8);
        jane.DefaultRequestHeaders.Add("Authorization", $"Basic {auth}");
        var digest = await OldRegistry.PushAsync(jane, "locked/app", "1", "locked");
        var url = $"http://{locked.Address}/locked/app";
        Assert.Contains("--from-user", (await ImportAsync(url, "--yes")).Is(2).Errors);
        var wrong = await ImportAsAsync(("BERTH_FROM_PASSWORD", "wrong"), url, "--from-user", "jane", "--yes");
        Assert.Contains("does not accept the password of jane", wrong.Is(2).Errors);
        (await ImportAsAsync(("BERTH_FROM_PASSWORD", "secret"), url, "a/first", "--from-user", "jane", "--yes")).Is(0);
        Assert.Equal(digest, await DigestAsync("a/first", "1"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "config.json"),
            $$$"""{"auths": {"{{{locked.Address}}}": {"auth": "{{{auth}}}"} } }""", Stop);
        (await ImportAsAsync(("DOCKER_CONFIG", folder), url, "a/second", "--yes")).Is(0);
        Assert.Equal(digest, await DigestAsync("a/second", "1"));
    }

    [Fact]
    public async Task Another_Berth_gives_tokens_and_what_its_user_may_pull()
    {
        await using var source = await AccountsOf.StartAsync(
            auth => auth with { TokenLifetime = TimeSpan.FromSeconds(60) });
        await new AccountsOf(source).AddUserAsync("ann", "of green gables");
        var ann = new AccountCommand(source);
        var layout = OciLayout.WriteIndex(Path.Combine(folder, "layout"), "ours", "amd64", "arm64");
        (await ann.AskAsync("ann", "of green gables", "import", layout.Folder, "ann/app:1", "--yes")).Is(0);
        var url = source.BaseAddress.ToString();
        (await ImportAsAsync(
            ("BERTH_FROM_PASSWORD", "of green gables"), url, "from", "--from-user", "ann", "--yes")).Is(0);
        Assert.Equal(layout.Digest, await DigestAsync("from/ann/app", "1"));
        var nobody = await ImportAsync($"{url}ann/app", "--yes");
        Assert.Equal(2, nobody.ExitCode);
        Assert.DoesNotContain("of green gables", nobody.Errors);
    }

    [Fact]
    public async Task Without_a_server_the_command_brings_images_to_the_registry_on_this_machine_itself()
    {
        var data = Path.Combine(folder, "data");
        var variables = new Dictionary<string, string> { ["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = data };
        (await AccountCommand.RunAsync(variables, "", "import", Url("team/app"), "--yes")).Is(0);
        var verified = await AccountCommand.RunAsync(variables, "", "verify");
        Assert.Contains("Everything is as it was pushed.", verified.Is(0).Output);
        var tags = await AccountCommand.RunAsync(variables, "", "tag", "list", "team/app");
        Assert.Contains(old.Index[..19], tags.Is(0).Output);
    }

    [Fact]
    public async Task Beside_a_server_with_a_data_folder_it_says_how_and_over_the_API_it_is_refused()
    {
        var beside = await moved.ImportAsync(Url("team/app"), "--yes");
        if (registry.Variables.ContainsKey("REGISTRY_STORAGE_S3_BUCKET")) beside.Is(0);
        else Assert.Contains("--server http", beside.Is(2).Errors);
        var refused = await new AccountCommand(registry).AskAsync(
            "admin", AccountsOf.AdminPassword, "import", "ftp://example.com/", "--yes");
        Assert.Contains("is no address of a registry", refused.Is(2).Errors);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/imports")
        {
            Content = JsonContent.Create(new { source = Url() }),
        };
        request.Headers.Authorization = ApiConnection.Basic("admin", AccountsOf.AdminPassword);
        using var answer = await registry.Client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("berth import URL --server", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task Who_may_push_in_a_namespace_imports_into_it_and_nowhere_else()
    {
        await using var closed = await AccountsOf.StartAsync();
        await new AccountsOf(closed).AddUserAsync("ann", "of green gables");
        await new AccountsOf(closed).AddOrganizationAsync("acme");
        var digest = await old.PushAsync("open/app", "1", "for ann");
        var ann = new AccountCommand(closed);
        (await ann.AskAsync("ann", "of green gables", "import", Url("open/app"), "ann/app", "--yes")).Is(0);
        var tags = await ann.AskAsync("ann", "of green gables", "tag", "list", "ann/app", "--json");
        Assert.Contains(digest, tags.Is(0).Output);
        var denied = await ann.AskAsync("ann", "of green gables", "import", Url("open/app"), "acme/app", "--yes");
        Assert.Contains("1 could not be copied", denied.Is(1).Errors);
        Assert.Contains("image failed", denied.Output);
        Assert.Empty(JsonDocument.Parse((await new AccountCommand(closed).AskAsync(
            "admin", AccountsOf.AdminPassword, "repo", "list", "--namespace", "acme", "--json")).Is(0).Output)
            .RootElement.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task A_registry_behind_a_CA_of_its_own_is_trusted_if_that_is_named()
    {
        using var files = new CertificateFolder();
        await using var source = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings { Anonymous = AnonymousAccess.Full },
            Http = s.Http with { Tls = new TlsSettings { Certificate = files.Certificate, Key = files.Key } },
        });
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new TlsFiles(files.WriteRoot(), null, null).Load(),
        })
        {
            BaseAddress = new Uri($"https://localhost:{source.BaseAddress.Port}/"),
        };
        var digest = await OldRegistry.PushAsync(client, "acme/tls", "1", "over TLS");
        var url = $"{client.BaseAddress}acme/tls";
        Assert.Contains("name it with --from-ca", (await ImportAsync(url, "--yes")).Is(2).Errors);
        (await ImportAsync(url, "--from-ca", files.WriteRoot(), "--yes")).Is(0);
        Assert.Equal(digest, await DigestAsync("acme/tls", "1"));
    }

    [Fact]
    public async Task Faults_on_both_sides_are_passed_over_and_nothing_is_half_there()
    {
        for (var i = 0; i < 12; i++) await old.PushAsync($"faulty/app{i % 3}", $"{i}", new string('x', 200_000) + i);
        await using var there = FaultProxy.StartHttp(new Uri($"http://{old.Registry.Address}"));
        await using var here = FaultProxy.StartHttp(registry.BaseAddress);
        static bool IsRegistry(string line) => line.Contains("/v2/", StringComparison.Ordinal);
        static bool IsBlob(string line) => line.Contains("/blobs/", StringComparison.Ordinal);
        static bool IsManifestRead(string line) => line.StartsWith("GET ", StringComparison.Ordinal)
            && line.Contains("/manifests/", StringComparison.Ordinal);
        var faults = new List<FaultSeries> { there.Inject(new Fault.Truncate(100_000), count: 5, every: 3, IsBlob) };

        // The answer to GET has begun, and its body is cut.
        faults.Add(here.Inject(new Fault.Truncate(20), count: 5, every: 2, IsManifestRead));
        foreach (var proxy in new[] { there, here })
        {
            faults.Add(proxy.Inject(new Fault.Answer(503), count: 5, every: 7, IsRegistry));
            faults.Add(proxy.Inject(new Fault.Drop(), count: 5, every: 9, IsRegistry));
            faults.Add(proxy.Inject(new Fault.DropAnswer(), count: 5, every: 11, IsRegistry));
        }

        (await AccountCommand.RunAsync(
            new Dictionary<string, string> { ["BERTH_PASSWORD"] = AccountsOf.AdminPassword }, input: "",
            "import", $"{there.Address}faulty/", "--yes", "--server", here.Address.ToString(),
            "--user", "admin")).Is(0);
        Assert.All(faults, series => Assert.True(series.Hits > 0));
        for (var i = 0; i < 12; i++)
        {
            var (repository, tag) = ($"faulty/app{i % 3}", $"{i}");
            Assert.Equal(
                (await MovedRegistry.ManifestAsync(old.Client, repository, tag))!.Value.Digest,
                await DigestAsync(repository, tag));
        }
    }

    [Fact]
    public async Task A_blob_that_is_too_large_here_fails_with_its_image_alone()
    {
        await using var small = await AccountsOf.StartAsync(
            settings: s => s with { Limits = s.Limits with { MaximumUploadBytes = 1 << 20 } });
        await old.PushAsync("large/app", "1", new string('x', 8 << 20));
        await old.PushAsync("large/small", "1", "small");
        var run = await new AccountCommand(small).AskAsync(
            "admin", AccountsOf.AdminPassword, "import", Url("large/"), "--yes");
        Assert.Contains("1 could not be copied", run.Is(1).Errors);
        Assert.Contains("large/app:1", run.Output);
        Assert.Contains("1 tag of 2", run.Output);
        await Eventually.TrueAsync(async () => await small.StoredAsync("uploads") is []);
    }

    private string Url(string path = "") => $"http://{old.Registry.Address}/{path}";

    private Task<CommandResult> ImportAsync(params string[] arguments) =>
        new AccountCommand(registry).AskAsync("admin", AccountsOf.AdminPassword, ["import", .. arguments]);

    private Task<CommandResult> ImportAsAsync((string Name, string Value) variable, params string[] arguments) =>
        AccountCommand.RunAsync(
            new Dictionary<string, string>
            {
                ["BERTH_PASSWORD"] = AccountsOf.AdminPassword,
                [variable.Name] = variable.Value,
            },
            input: "",
            ["import", .. arguments, "--server", registry.BaseAddress.ToString(), "--user", "admin"]);

    private async Task<JsonElement> ImportAsJsonAsync(params string[] arguments) =>
        JsonDocument.Parse((await ImportAsync([.. arguments, "--yes", "--json"])).Is(0).Output).RootElement
            .GetProperty("done").Clone();

    private static long Of(JsonElement done, string field) => done.GetProperty(field).GetInt64();

    private async Task<string?> DigestAsync(string repository, string reference) =>
        (await MovedRegistry.ManifestAsync(registry.Client, repository, reference))?.Digest;

    private async Task<List<string>> TagsAsync(string repository)
    {
        using var answer = await registry.Client.GetAsync(
            new Uri($"v2/{repository}/tags/list", UriKind.Relative), Stop);
        if (!answer.IsSuccessStatusCode) return [];
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        return
        [
            .. json.RootElement.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()!)
                .OrderBy(tag => tag.StartsWith("sha", StringComparison.Ordinal))
                .ThenBy(tag => tag, StringComparer.Ordinal),
        ];
    }
}
