using System.Text;
using Berth.Settings;

namespace Berth.Tests.Clients;

/// <summary>A client program in one state before one registry, and what it may do there.</summary>
/// <param name="Name">The registry and the state, for messages.</param>
/// <param name="Address">The registry's host and port.</param>
/// <param name="Login"><c>name:password</c>, or null when nobody is logged in.</param>
/// <param name="ConfigFolder">A docker configuration folder with that login in its config.json.</param>
/// <param name="MayPull">Whether a pull succeeds.</param>
/// <param name="MayPush">Whether a push succeeds.</param>
internal sealed record SignInCase(
    string Name, string Address, string? Login, string ConfigFolder, bool MayPull, bool MayPush)
{
    /// <summary>What programs say when a registry does not let them.</summary>
    private static readonly string[] Refusals =
    [
        "unauthorized", "denied", "401", "403", "authentication required", "authorization failed", "no basic auth",
        "requires signing in", "invalid username/password", "wrong user name or password", "basic credential not found",
        "may not", "this token is not valid", "name unknown", "name_unknown", "not found", "not known to registry",
    ];

    /// <summary>An image that is there.</summary>
    public string Seeded => $"{Address}/{Repository}:1";

    /// <summary>Where it is.</summary>
    public string Repository { get; init; } = SignInRegistries.Repository;

    /// <summary>An image that is not there yet.</summary>
    public string Pushed { get; } = $"{Address}/pushed/{Guid.NewGuid():N}:1";

    public string ConfigFile => Path.Combine(ConfigFolder, "config.json");

    /// <summary>Whether a pull succeeds without a login.</summary>
    public bool MayAnyonePull { get; init; }

    /// <summary>Whether the registry has its users in its database.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Whether the login itself succeeds.</summary>
    public bool MayLogIn { get; init; } = MayPull;

    public void CheckPull(ProgramRun run) => Check(run, MayPull);

    /// <summary>The same for a program that can do without its password, or sends it to no place that checks it.
    /// </summary>
    public void CheckPullUnasked(ProgramRun run) => Check(run, MayPull || MayAnyonePull);

    public void CheckPush(ProgramRun run) => Check(run, MayPush);

    public void CheckLogin(ProgramRun run) => Check(run, MayLogIn);

    /// <summary>A case whose login is in a configuration folder of its own.</summary>
    public static SignInCase At(
        ClientFixture client, string address, string name, string? login, bool mayPull, bool mayPush)
    {
        var folder = Directory.CreateDirectory(client.NewPath("login")).FullName;
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(login ?? ""));
        var auth = login is null ? "" : $$"""
            "{{address}}":{"auth":"{{encoded}}"}
            """;
        var file = Path.Combine(folder, "config.json");
        File.WriteAllText(file, "{\"auths\":{" + auth + "}}");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new SignInCase(name, address, login, folder, mayPull, mayPush);
    }

    private void Check(ProgramRun run, bool may)
    {
        var said = $"{Name}: {run.CommandLine}\nended with {run.ExitCode}\n{run.Error}{run.Output}";
        Assert.True(run.ExitCode == 0 == may, said);
        if (!may) Assert.True(Refusals.Any(r => said.Contains(r, StringComparison.OrdinalIgnoreCase)), said);
    }
}

/// <summary>
/// A registry for each access mode, with an image in each, and the states that a client may be in: logged out, with the
/// right password, with a wrong one.
/// </summary>
internal sealed class SignInRegistries : IAsyncDisposable
{
    public const string Repository = "seed/app";

    private const string User = "ann";
    private const string Right = "correct horse";

    private readonly List<RegistryFixture> registries = [];
    private readonly List<SignInCase> cases = [];

    public IReadOnlyList<SignInCase> Cases => cases;

    /// <summary>Those of the registry with users in its database.</summary>
    public IEnumerable<SignInCase> LocalCases => cases.Where(c => c.IsLocal);

    /// <summary>The image in each registry.</summary>
    public OciLayout Image { get; private init; } = null!;

    public static async Task<SignInRegistries> StartAsync(ClientFixture client)
    {
        var all = new SignInRegistries { Image = OciLayout.Write(client.NewPath("layout"), "signed in") };
        var users = client.NewPath("users");
        await File.WriteAllTextAsync(users, $"{User}:{BCrypt.Net.BCrypt.HashPassword(Right, workFactor: 4)}\n");
        try
        {
            await all.AddAsync(client, "everyone may pull, with users", AnonymousAccess.Pull, users);
            await all.AddAsync(client, "everyone may pull, without users", AnonymousAccess.Pull, users: null);
            await all.AddAsync(client, "users only", AnonymousAccess.None, users);
            await all.AddLocalAsync(client);
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var registry in registries) await registry.DisposeAsync();
    }

    private async Task AddAsync(ClientFixture client, string name, AnonymousAccess anonymous, string? users)
    {
        var access = AnonymousAccess.Full;
        var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings
            {
                Anonymous = access,
                Htpasswd = users is null ? null : new HtpasswdSettings { Path = users },
            },
        });
        registries.Add(registry);
        await client.RunAsync(
            client.Tools.Crane, "push", Image.Folder, $"{registry.BaseAddress.Authority}/{Repository}:1");
        access = anonymous;
        await registry.RestartAsync();
        var (everyone, hasUsers) = (anonymous == AnonymousAccess.Pull, users is not null);
        Add("logged out", login: null, everyone, mayPush: false);
        Add("right password", $"{User}:{Right}", everyone || hasUsers, hasUsers);

        // A wrong password takes nothing away from what everyone may; and if nobody is asked for one, that for another
        // registry does no harm.
        Add("wrong password", $"{User}:mistyped", everyone || !hasUsers, mayPush: false, mayLogIn: !hasUsers);

        void Add(string state, string? login, bool mayPull, bool mayPush, bool? mayLogIn = null) =>
            cases.Add(
                SignInCase.At(
                    client, registry.BaseAddress.Authority, $"{name}, {state}", login, mayPull, mayPush) with
                {
                    MayAnyonePull = everyone,
                    MayLogIn = mayLogIn ?? mayPull,
                });
    }

    /// <summary>Users, robots and tokens in the database, and a public repository beside the private one.</summary>
    private async Task AddLocalAsync(ClientFixture client)
    {
        var registry = await RegistryFixture.StartAsync(
            s => s with { Auth = new AuthSettings { Local = SignInAccounts.Settings } });
        registries.Add(registry);
        var accounts = await SignInAccounts.MakeAsync(client, registry, Image);
        cases.AddRange(accounts.CasesAt(client, "local users", registry.BaseAddress.Authority)
            .Select(one => one with { IsLocal = true }));
    }
}
