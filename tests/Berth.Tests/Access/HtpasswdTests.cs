using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Berth.Access;
using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Distribution;
using Berth.Tests.Faults;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Access;

/// <summary>Users from an htpasswd file, and what everybody else may do.</summary>
public sealed partial class HtpasswdTests : IDisposable
{
    private const string Password = "correct horse";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-users-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string UsersPath => Path.Combine(folder, "htpasswd");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Without_the_right_password_nothing_is_allowed()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var script = new Script(registry) { ["right"] = Basic("ann", Password), ["wrong"] = Basic("ann", "wrong") };
        script["nobody"] = Basic("nobody", Password);
        script["refused"] = "";
        foreach (var call in new[]
        {
            "GET /v2/", "HEAD /v2/", "GET /v2/_catalog", "GET /v2/a/tags/list", "GET /v2/a/manifests/x",
            "GET /v2/a/blobs/{sha256 x}",
            "GET /v2/a/referrers/{sha256 x}", "POST /v2/a/blobs/uploads/", "PUT /v2/a/manifests/x",
            "DELETE /v2/a/manifests/x",
            "DELETE /v2/a/blobs/{sha256 x}",
        })
        {
            foreach (var header in new[]
            {
                "", "Authorization: {wrong}", "Authorization: {nobody}", "Authorization: Bearer abc",
                "Authorization: Basic", "Authorization: Basic !!!",
                "Authorization: Basic YW5u", $"Authorization: {Basic("ann", Password + "\0x")}",
                $"Authorization: {Basic("", "")}", $"Authorization: {Basic("ann", "")}",
                $"Authorization: {Basic("", Password)}",
            })
            {
                var body = call.StartsWith("HEAD", StringComparison.Ordinal) ? "" : "UNAUTHORIZED";
                await script.PlayAsync($"{call}\n {header}\n 401 {body}\n WWW-Authenticate: Basic realm=\"Harbour\"");
            }
        }

        await script.PlayAsync("GET /v2/\n Authorization: {right}\n 200\nGET /v2/\n authorization: {right}\n 200");
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 abcd}
              Authorization: {right}
              > abcd
              201
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {right}
              200
              < abcd
            """);
    }

    [Fact]
    public async Task Where_anonymous_may_pull_only_users_may_push()
    {
        await using var registry = await StartAsync(AnonymousAccess.Pull);
        var script = await SignedScriptAsync(registry);
        (script["no password"], script["no name"]) = (Basic("ann", ""), Basic("", Password));
        script["too long"] = Basic("ann", new string('x', 4096));
        await script.PlayAsync(
            """
            GET /v2/
              401 UNAUTHORIZED
            GET /v2/
              Authorization: {right}
              200
            GET /v2/a/blobs/{sha256 abcd}
              200
              < abcd
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: Bearer meant-for-another-registry
              200
              < abcd
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: none
              200
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: Basic Og==
              200
            HEAD /v2/a/manifests/missing
              Authorization: Basic Og==
              404
            GET /v2/
              Authorization: Basic Og==
              401 UNAUTHORIZED
            POST /v2/a/blobs/uploads/
              Authorization: Basic Og==
              401 UNAUTHORIZED
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {wrong}
              200
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {no password}
              200
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {no name}
              200
            GET /v2/a/blobs/{sha256 abcd}
              Authorization: {too long}
              200
            POST /v2/a/blobs/uploads/
              Authorization: {too long}
              401 UNAUTHORIZED
            GET /v2/_catalog
              200
            HEAD /v2/missing/manifests/latest
              404
            POST /v2/a/blobs/uploads/
              401 UNAUTHORIZED
            POST /v2/a/blobs/uploads/
              Authorization: Bearer meant-for-another-registry
              401 UNAUTHORIZED
            POST /v2/b/blobs/uploads/?mount={sha256 abcd}&from=a
              401 UNAUTHORIZED
            DELETE /v2/a/blobs/{sha256 abcd}
              401 UNAUTHORIZED
            """);
    }

    [Fact]
    public async Task Without_users_an_anonymous_push_is_denied_without_a_challenge_if_anonymous_may_only_pull()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Auth = new AuthSettings { Anonymous = AnonymousAccess.Pull } });
        await new Script(registry).PlayAsync(
            $$"""
            GET /v2/
              200
            GET /v2/_catalog
              200
            HEAD /v2/a/manifests/latest
              404
            POST /v2/a/blobs/uploads/
              403 DENIED
              WWW-Authenticate: -
            POST /v2/a/blobs/uploads/
              Authorization: {{Basic("ann", Password)}}
              403 DENIED
            DELETE /v2/a/manifests/latest
              403 DENIED
            """);
    }

    [Fact]
    public async Task Without_users_credentials_for_another_registry_do_no_harm()
    {
        await using var registry = await RegistryFixture.StartAsync();
        foreach (var junk in new[] { "Bearer abc", "Basic !!!", "none", Basic("somebody", "secret") })
        {
            await new Script(registry).PlayAsync(
                $$"""
                GET /v2/
                  Authorization: {{junk}}
                  200
                POST /v2/a/blobs/uploads/?digest={sha256 abcd}
                  Authorization: {{junk}}
                  > abcd
                  201
                """);
        }
    }

    [Fact]
    public async Task A_changed_file_counts_a_second_later_and_a_missing_one_leaves_the_users_as_they_were()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        File.Delete(UsersPath);
        await Eventually.TrueAsync(async () =>
        {
            Assert.True(await IsLetInAsync(registry, "ann", Password));
            return registry.Log.Any(line => line.Contains("its previous users stay valid", StringComparison.Ordinal));
        });
        Assert.False(await IsLetInAsync(registry, "bob", "new"));
        await File.WriteAllTextAsync(UsersPath, $"# people\n\nbob:{Hash("new")}\n", Stop);
        await Eventually.TrueAsync(() => IsLetInAsync(registry, "bob", "new"));
        Assert.False(await IsLetInAsync(registry, "ann", Password));
    }

    [Fact]
    public async Task A_file_behind_symlinks_is_reloaded_when_their_target_changes()
    {
        // As Kubernetes lays out a secret: users -> ..data/users, ..data -> ..v1.
        LayOut("..v1", $"ann:{Hash("old")}\n");
        var data = Path.Combine(folder, "..data");
        Directory.CreateSymbolicLink(data, "..v1");
        File.CreateSymbolicLink(UsersPath, Path.Combine("..data", "htpasswd"));
        await using var registry = await StartAsync(AnonymousAccess.None, writeUsers: false);
        Assert.True(await IsLetInAsync(registry, "ann", "old"));

        LayOut("..v2", $"ann:{Hash("new")}\n");
        Directory.CreateSymbolicLink(data + "_tmp", "..v2");
        Directory.Move(data + "_tmp", data + "_new");
        File.Delete(data);
        Directory.Move(data + "_new", data);
        await Eventually.TrueAsync(() => IsLetInAsync(registry, "ann", "new"));
        Assert.False(await IsLetInAsync(registry, "ann", "old"));

        void LayOut(string name, string users)
        {
            var path = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, name)).FullName, "htpasswd");
            File.WriteAllText(path, users);

            // The same time and length: only the content tells.
            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        }
    }

    [Fact]
    public async Task A_change_takes_effect_even_after_the_clock_was_set_back()
    {
        var clock = new SetClock();
        var checks = new PasswordChecks(
            new PasswordCheckSettings(), new FailedSignIns(new FailedSignInSettings(), clock), clock);
        await File.WriteAllTextAsync(UsersPath, $"ann:{Hash("old")}\n", Stop);
        var users = new HtpasswdFile(
            UsersPath, checks, clock, NullLogger<HtpasswdFile>.Instance);
        Assert.Equal(PasswordAnswer.Right, await users.CheckAsync("ann", "old", null, Stop));
        clock.SetBack(TimeSpan.FromDays(1));
        await File.WriteAllTextAsync(UsersPath, $"ann:{Hash("new")}\n", Stop);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(PasswordAnswer.Wrong, await users.CheckAsync("ann", "old", null, Stop));
        Assert.Equal(PasswordAnswer.Right, await users.CheckAsync("ann", "new", null, Stop));
    }

    [Theory]
    [InlineData("  ann:HASH  ")]
    [InlineData("\tann:HASH\r\nbob:HASH")]
    [InlineData("ann:HASH:a comment: of: two")]
    [InlineData("\uFEFFann:HASH")]
    [InlineData("ann:no-hash\nann:HASH")]
    public async Task Lines_are_read_as_distribution_reads_them(string line)
    {
        foreach (var prefix in new[] { "$2y$", "$2a$", "$2b$", "$2x$", "$2$" })
        {
            await File.WriteAllTextAsync(UsersPath, line.Replace("HASH", prefix + Hash(Password)[4..]), Stop);
            await using var registry = await StartAsync(AnonymousAccess.None, writeUsers: false);
            Assert.True(await IsLetInAsync(registry, "ann", Password));
            Assert.False(await IsLetInAsync(registry, "ann", "wrong"));
        }
    }

    [Fact]
    public async Task Only_the_first_72_bytes_of_a_password_count()
    {
        var (cut, shorter) = (new string('é', 36), new string('x', 71));
        await File.WriteAllTextAsync(UsersPath, $"ann:{Hash(cut)}\nbob:{Hash(shorter)}\n", Stop);
        await using var registry = await StartAsync(AnonymousAccess.None, writeUsers: false);
        Assert.True(await IsLetInAsync(registry, "ann", cut));
        Assert.True(await IsLetInAsync(registry, "ann", cut + "a"));
        Assert.True(await IsLetInAsync(registry, "ann", cut + new string('b', 528)));
        Assert.False(await IsLetInAsync(registry, "ann", cut[..35]));
        Assert.False(await IsLetInAsync(registry, "ann", cut + new string('b', 24_000)));
        Assert.True(await IsLetInAsync(registry, "bob", shorter));
        Assert.False(await IsLetInAsync(registry, "bob", shorter + "x"));
    }

    [Theory]
    [InlineData("ann:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", 1, "MD5")]
    [InlineData("# people\n\nann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", 3, "SHA-1")]
    [InlineData("ann:$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.", 1,
        "SHA-2")]
    [InlineData("ann:$2y$10$tooShort", 1, "cut short")]
    [InlineData("ann:$2y$99$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BNyi0PJHsFZxgsNNmu", 1, "cut short or damaged")]
    [InlineData("ann:$2y$04$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BN,i0PJHsFZxgsNNmu", 1, "cut short or damaged")]
    [InlineData("ann:secret", 1, "no hash")]
    [InlineData("ann:", 1, "nothing after the colon")]
    [InlineData("/etc/berth/htpasswd", 1, "no colon")]
    [InlineData(":$2y$04$abcdefghijklmnopqrstuuE5pTSBqLNVeM8BNyi0PJHsFZxgsNNmu", 1, "no name")]
    [InlineData("", null, "nobody could sign in")]
    [InlineData("# nothing but this", null, "nobody could sign in")]
    public async Task A_file_that_lets_nobody_in_stops_the_start_and_the_check_names_each_line(
        string content, int? line, string reason)
    {
        await File.WriteAllTextAsync(UsersPath, content, Stop);
        var refused = await Assert.ThrowsAsync<StartException>(
            () => StartAsync(AnonymousAccess.None, writeUsers: false));
        Assert.Contains("nobody could sign in", refused.Message, StringComparison.Ordinal);

        var faults = HtpasswdFile.Check(SettingsOf(AnonymousAccess.None)).ToList();
        Assert.Contains(faults, f => f.Severity == Severity.Error && f.Source == UsersPath);
        Assert.Contains(faults, f => f.Line == line && f.Message.Contains(reason, StringComparison.Ordinal));
        Assert.DoesNotContain(faults, f => f.Message.Contains("secret", StringComparison.Ordinal));

        // Beside somebody who can sign in, it is a warning.
        await File.WriteAllTextAsync(UsersPath, $"{content}\nbob:{Hash(Password)}\n", Stop);
        await using var registry = await StartAsync(AnonymousAccess.None, writeUsers: false);
        Assert.True(await IsLetInAsync(registry, "bob", Password));
        Assert.DoesNotContain(HtpasswdFile.Check(SettingsOf(AnonymousAccess.None)), f => f.Severity == Severity.Error);
        if (line is null) return;
        await Eventually.TrueAsync(() => registry.Output.Contains($"{UsersPath}:{line}: ", StringComparison.Ordinal));
        Assert.Contains(reason, registry.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Config_check_names_the_unusable_lines()
    {
        var settings = new Dictionary<string, string> { ["REGISTRY_AUTH_HTPASSWD_PATH"] = UsersPath };
        await File.WriteAllTextAsync(UsersPath, $"ann:{Hash(Password)}\nbob:plain\n", Stop);
        var (code, output) = await BerthCommand.RunAsync(settings, "config", "check");
        Assert.Equal(0, code);
        Assert.Contains($"{UsersPath}:2: notice: auth.htpasswd.path: 'bob' has no hash", output);
        await File.WriteAllTextAsync(UsersPath, "bob:plain\n", Stop);
        (code, output) = await BerthCommand.RunAsync(settings, "config", "check");
        Assert.Equal(1, code);
        Assert.Contains($"{UsersPath}: error: auth.htpasswd.path: nobody could sign in", output);
    }

    [Fact]
    public async Task Credentials_are_never_logged()
    {
        await using var registry = await StartAsync(AnonymousAccess.None);
        var script = await SignedScriptAsync(registry);
        await script.PlayAsync("GET /v2/\n Authorization: {wrong}\n 401\nGET /v2/\n Authorization: Basic {x\n 401");
        for (var i = 0; registry.Output.Split(" 401 ").Length < 3; i++)
        {
            Assert.True(i < 100, "the requests are not in the log");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        string[] secrets = [Password, "mistyped", script["right"][6..], script["wrong"][6..], Hash(Password)[..7]];
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(registry.Log, l => l.Contains(secret, StringComparison.Ordinal));
            Assert.DoesNotContain(secret, registry.Output, StringComparison.Ordinal);
        }
    }

    private async Task<RegistryFixture> StartAsync(AnonymousAccess anonymous, bool writeUsers = true)
    {
        if (writeUsers) await File.WriteAllTextAsync(UsersPath, $"ann:{Hash(Password)}\n", Stop);
        return await RegistryFixture.StartAsync(s => s with { Auth = SettingsOf(anonymous) });
    }

    private AuthSettings SettingsOf(AnonymousAccess anonymous) => new()
    {
        Anonymous = anonymous,
        Htpasswd = new HtpasswdSettings { Path = UsersPath, Realm = "Harbour" },
    };

    private static async Task<bool> IsLetInAsync(RegistryFixture registry, string user, string password)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.TryAddWithoutValidation("Authorization", Basic(user, password));
        using var answer = await registry.Client.SendAsync(request, Stop);
        return answer.StatusCode == HttpStatusCode.OK;
    }

    private static async Task<Script> SignedScriptAsync(RegistryFixture registry)
    {
        var script = new Script(registry) { ["right"] = Basic("ann", Password), ["wrong"] = Basic("ann", "mistyped") };
        await script.PlayAsync(
            """
            POST /v2/a/blobs/uploads/?digest={sha256 abcd}
              Authorization: {right}
              > abcd
              201
            """);
        return script;
    }

    private static string Basic(string user, string password) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    /// <summary>What `htpasswd -B` would write.</summary>
    private static string Hash(string password, int cost = 4)
    {
        var data = GC.AllocateArray<byte>(32768, pinned: true);
        return Marshal.PtrToStringUTF8(crypt_rn(password, $"$2y${cost:00}$abcdefghijklmnopqrstuu", data, data.Length))!;
    }

#pragma warning disable IDE1006 // The name is the C library's own.
    [LibraryImport("libcrypt.so.1", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint crypt_rn(string phrase, string setting, byte[] data, int size);
#pragma warning restore IDE1006
}
