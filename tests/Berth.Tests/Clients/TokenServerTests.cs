using Berth.Settings;
using Berth.Tests.Settings;

namespace Berth.Tests.Clients;

/// <summary>
/// Registries that trust a Berth let in whom it lets in: as docs/sign-in-token.md has them. TokenDocumentTests has the
/// page's other examples.
/// </summary>
public sealed class TokenServerTests(ClientFixture client) : IClassFixture<ClientFixture>
{
    private static readonly SourceFile Page = SourceTree.Files.Single(f => f.Path == "docs/sign-in-token.md");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Debians_registry_lets_in_whom_the_Berth_lets_in_that_it_trusts()
    {
        await using var berth = await StartIssuerAsync();
        var image = OciLayout.Write(client.NewPath("layout"), "trusted");
        var accounts = await SignInAccounts.MakeAsync(client, berth, image);
        var keys = client.NewPath("berth.pem");
        await client.RunAsync(
            "bash", "-ec", Block("sh", "jwks.pem", berth, "/etc/docker/registry/berth.pem", keys));
        await using var mirror = await DistributionRegistry.StartAsync(
            client, Block("text", "rootcertbundle:", berth, "/etc/docker/registry/berth.pem", keys));
        await CheckAsync(accounts, image, "distribution", mirror.Address);

        // Its catalog shows everything to whoever may see it at all.
        Assert.Contains(SignInRegistries.Repository, await CatalogAsync(accounts, mirror.Address, "administrator"));
        Assert.Null(await CatalogAsync(accounts, mirror.Address, "stranger"));
    }

    [Fact]
    public async Task A_Berth_lets_in_whom_the_Berth_lets_in_that_it_trusts()
    {
        await using var berth = await StartIssuerAsync();
        var image = OciLayout.Write(client.NewPath("layout"), "trusted");
        var accounts = await SignInAccounts.MakeAsync(client, berth, image);
        var keys = client.NewPath("jwks.json");
        await client.RunAsync("curl", "-sSf", "-o", keys, $"{berth.BaseAddress}.well-known/jwks.json");
        using var folder = new SettingsFolder();
        var loaded = folder.Load(Block("yaml", "mirror.example.com\n    issuer", berth, "/etc/berth/jwks.json", keys));
        Assert.Empty(loaded.Faults);
        await using var mirror = await RegistryFixture.StartAsync(s => s with { Auth = loaded.Settings!.Auth });
        await CheckAsync(accounts, image, "Berth", mirror.BaseAddress.Authority);
        Assert.Contains(
            SignInRegistries.Repository,
            await CatalogAsync(accounts, mirror.BaseAddress.Authority, "administrator"));
        Assert.Null(await CatalogAsync(accounts, mirror.BaseAddress.Authority, "stranger"));
    }

    /// <summary>As the page's first example.</summary>
    private static Task<RegistryFixture> StartIssuerAsync()
    {
        using var folder = new SettingsFolder();
        var auth = folder.Load(Page.BlocksOf("yaml").First()).Settings!.Auth!;
        return RegistryFixture.StartAsync(s => s with { Auth = auth with { Local = SignInAccounts.Settings } });
    }

    /// <summary>An example of the page for this Berth.</summary>
    private static string Block(string language, string mark, RegistryFixture berth, string path, string file) =>
        Page.BlocksOf(language).Single(block => block.Contains(mark, StringComparison.Ordinal))
            .Replace("https://berth.example.com/", berth.BaseAddress.ToString(), StringComparison.Ordinal)
            .Replace(path, file, StringComparison.Ordinal);

    private async Task CheckAsync(SignInAccounts accounts, OciLayout image, string name, string address)
    {
        await SignInAccounts.SeedAsync(client, address, image);
        foreach (var one in accounts.CasesAt(client, name, address))
        {
            one.CheckPullUnasked(await CraneAsync(one, "pull", one.Seeded, client.NewPath("pulled")));
            one.CheckPush(await CraneAsync(one, "push", image.Folder, one.Pushed));
            one.CheckPullUnasked(await client.TryRunAsync(
                "skopeo", "inspect", "--tls-verify=false", "--authfile", one.ConfigFile, $"docker://{one.Seeded}"));
            if (one.Login?.Split(':') is not [var user, var password]) continue;
            one.CheckLogin(await client.TryRunAsync(
                "skopeo", "login", "--tls-verify=false", "--authfile", client.NewPath("auth"), "--username", user,
                "--password", password, address));
        }
    }

    /// <summary>The catalog, or null if it is refused.</summary>
    private async Task<string?> CatalogAsync(SignInAccounts accounts, string address, string who)
    {
        var one = accounts.CasesAt(client, "catalog", address)
            .First(c => c.Name.EndsWith(who, StringComparison.Ordinal));
        var run = await CraneAsync(one, "catalog", "--insecure", address);
        return run.ExitCode == 0 ? run.Output : null;
    }

    private Task<ProgramRun> CraneAsync(SignInCase one, params IEnumerable<string> arguments) =>
        client.TryRunAsync("env", [$"DOCKER_CONFIG={one.ConfigFolder}", client.Tools.Crane, .. arguments]);
}
