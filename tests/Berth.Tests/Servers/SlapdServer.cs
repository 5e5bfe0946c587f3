using Berth.Settings;
using Berth.Tests.Clients;

namespace Berth.Tests.Servers;

/// <summary>
/// A real OpenLDAP on loopback, with the users and groups of <c>slapd.sh</c>. All tests share one, which starts with
/// the first test that asks and ends with the run; a test that stops its server starts its own.
/// </summary>
internal sealed class SlapdServer : IAsyncDisposable
{
    public const string UserBase = "ou=people,dc=example,dc=org";
    public const string GroupBase = "ou=groups,dc=example,dc=org";

    private static readonly Lazy<Task<SlapdServer>> Shared = new(() => StartAsync("shared"));

    private readonly ServerScript script;

    private SlapdServer(ServerScript script, int port, int tlsPort)
    {
        this.script = script;
        Port = port;
        Url = $"ldap://127.0.0.1:{port}";
        TlsUrl = $"ldaps://127.0.0.1:{tlsPort}";
    }

    public int Port { get; }

    /// <summary>Without TLS, and with StartTLS for who wants it.</summary>
    public string Url { get; }

    public string TlsUrl { get; }

    /// <summary>The CA of its certificate, as PEM.</summary>
    public string CaFile => Path.Combine(script.Folder, "ca.crt");

    /// <summary>Berth's settings for this server, without groups.</summary>
    public LdapSettings Settings => new()
    {
        Servers = [Url],
        BindDn = "uid=registry,ou=services,dc=example,dc=org",
        BindPassword = "registry-secret",
        UserBase = UserBase,
    };

    /// <summary>Starts a private server and waits until it answers.</summary>
    /// <param name="name">Is part of Alice's name, so that one can tell which server answered.</param>
    public static async Task<SlapdServer> StartAsync(string name)
    {
        var (port, tlsPort) = (LoopbackPorts.Free(), LoopbackPorts.Free());
        var script = await ServerScript.StartAsync("slapd.sh", $"{port}", $"{tlsPort}", name);
        return new SlapdServer(script, port, tlsPort);
    }

    /// <summary>Changes entries, as an administrator of the directory does with ldapmodify.</summary>
    public async Task ModifyAsync(string ldif)
    {
        var file = Path.Combine(script.Folder, "change.ldif");
        await File.WriteAllTextAsync(file, ldif);
        var run = await ProgramRun.StartAsync(
            "ldapmodify",
            ["-x", "-H", Url, "-D", "cn=admin,dc=example,dc=org", "-w", "admin-secret", "-f", file],
            new Dictionary<string, string>(), "/", TimeSpan.FromMinutes(1));
        run.OutputOfSuccess();
    }

    /// <summary>The server that all tests share.</summary>
    public static Task<SlapdServer> SharedAsync() => Shared.Value;

    /// <summary>Stops the server: it ends all connections and refuses new ones. What it holds stays.</summary>
    public Task StopAsync() => script.DoAsync("stop");

    /// <summary>Starts the stopped server again, on the same ports, and waits until it answers.</summary>
    public Task StartAgainAsync() => script.DoAsync("start");

    public ValueTask DisposeAsync() => script.DisposeAsync();
}
