using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Berth.Settings;
using Berth.Tests.Distribution;

namespace Berth.Tests.Access;

/// <summary>Users from an htpasswd file, and what everybody else may do.</summary>
public sealed partial class HtpasswdTests : IDisposable
{
    private const string Password = "correct horse";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-users-").FullName;

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
                $"Authorization: {Basic("", "")}",
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
              Authorization: {wrong}
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
              WWW-Authenticate: Basic realm="Harbour"
            POST /v2/b/blobs/uploads/?mount={sha256 abcd}&from=a
              401 UNAUTHORIZED
            DELETE /v2/a/blobs/{sha256 abcd}
              401 UNAUTHORIZED
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
        var script = new Script(registry) { ["ann"] = Basic("ann", Password), ["bob"] = Basic("bob", "new") };
        await script.PlayAsync("GET /v2/\n Authorization: {ann}\n 200\nGET /v2/\n Authorization: {bob}\n 401");
        File.Delete(UsersPath);
        await Task.Delay(1100, TestContext.Current.CancellationToken);
        await script.PlayAsync("GET /v2/\n Authorization: {ann}\n 200\nGET /v2/\n Authorization: {bob}\n 401");
        await File.WriteAllTextAsync(
            UsersPath, $"# people\n\nbob:{Hash("new")}\n", TestContext.Current.CancellationToken);
        await Task.Delay(1100, TestContext.Current.CancellationToken);
        await script.PlayAsync("GET /v2/\n Authorization: {ann}\n 401\nGET /v2/\n Authorization: {bob}\n 200");
    }

    [Fact]
    public async Task A_password_is_hashed_once_and_then_remembered()
    {
        await File.WriteAllTextAsync(
            UsersPath, $"ann:{Hash(Password, cost: 11)}", TestContext.Current.CancellationToken);
        await using var registry = await StartAsync(AnonymousAccess.None, writeUsers: false);
        var script = new Script(registry) { ["ann"] = Basic("ann", Password) };
        var first = Stopwatch.StartNew();
        await script.PlayAsync("GET /v2/\n Authorization: {ann}\n 200");
        first.Stop();
        var later = Stopwatch.StartNew();
        for (var i = 0; i < 20; i++) await script.PlayAsync("GET /v2/\n Authorization: {ann}\n 200");
        Assert.True(later.Elapsed < first.Elapsed * 5, $"20 requests took {later.Elapsed}, the first {first.Elapsed}");
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
        if (writeUsers)
        {
            await File.WriteAllTextAsync(UsersPath, $"ann:{Hash(Password)}\n", TestContext.Current.CancellationToken);
        }

        return await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings
            {
                Anonymous = anonymous,
                Htpasswd = new HtpasswdSettings { Path = UsersPath, Realm = "Harbour" },
            },
        });
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
