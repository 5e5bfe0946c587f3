using System.Globalization;
using System.Text;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using Microsoft.AspNetCore.Http;

namespace Berth.Tests.Import;

/// <summary>
/// <c>berth import URL</c> of registries that lie, break off, or want what they must not have: each gets a clear error,
/// other images come all the same, and nothing is half there.
/// </summary>
[Inside]
[Once]
public sealed class HostileSourceTests : IAsyncLifetime
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    private RegistryFixture registry = null!;
    private ScriptedRegistry source = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await AccountsOf.StartAsync(auth => auth with { Anonymous = AnonymousAccess.Full });
        source = await ScriptedRegistry.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await source.DisposeAsync();
        await registry.DisposeAsync();
    }

    [Fact]
    public async Task Manifests_and_blobs_that_are_not_what_their_digests_say_are_left_out_and_the_rest_comes()
    {
        var good = source.AddImage("x/good", "1", "good"u8.ToArray()).Digest;
        var lying = source.AddImage("x/lying-manifest", "1", "other"u8.ToArray()).Digest;
        source.On($"/v2/x/lying-manifest/manifests/{lying}", "{}"u8.ToArray(), ManifestType, lying);
        var altered = source.AddImage("x/altered-blob", "1", "right"u8.ToArray()).Layer;
        source.On($"/v2/x/altered-blob/blobs/{altered}", "wrong"u8.ToArray());
        source.AddImage("x/short-blob", "1", "short"u8.ToArray(), sizeBytes: 500);
        var endless = source.AddImage("x/endless-blob", "1", "endless"u8.ToArray()).Layer;
        source.On($"/v2/x/endless-blob/blobs/{endless}", EndlessAsync);
        source.AddManifest("x/huge-manifest", "1", "{}"u8.ToArray());
        source.On($"/v2/x/huge-manifest/manifests/{OldRegistry.DigestOf("{}"u8.ToArray())}", EndlessAsync);
        source.AddManifest(
            "x/old", "1", """{"schemaVersion":1,"name":"x","tag":"1"}"""u8.ToArray(),
            "application/vnd.docker.distribution.manifest.v1+prettyjws");
        source.AddManifest("x/page", "1", "<html>"u8.ToArray(), "text/html");
        var gone = source.AddImage("x/gone-blob", "1", "gone"u8.ToArray()).Layer;
        source.On($"/v2/x/gone-blob/blobs/{gone}", http => Fail(http, 404));
        source.On("/v2/_catalog", """
            {"repositories":["x/good","x/lying-manifest","x/altered-blob","x/short-blob","x/endless-blob",
            "x/huge-manifest","x/old","x/page","x/gone-blob","x/UP"]}
            """);
        var run = await ImportAsync("x/");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("9 could not be copied", run.Errors);
        foreach (var words in new[]
        {
            "is not what its digest", "and its manifest says 500", "is longer at", "is longer than",
            "schema 1", "which is missing", "altered-blob:1",
        })
        {
            Assert.True(run.Output.Contains(words, StringComparison.Ordinal), $"{words}:\n{run.Output}");
        }

        Assert.Equal(good, await DigestAsync("x/good", "1"));
        foreach (var name in new[] { "lying-manifest", "altered-blob", "short-blob", "endless-blob", "old", "page" })
            Assert.Null(await DigestAsync($"x/{name}", "1"));
        await Eventually.TrueAsync(async () => await registry.StoredAsync("uploads") is []);
    }

    [Fact]
    public async Task What_breaks_off_is_resumed_and_what_is_busy_is_asked_again_when_it_says()
    {
        var layer = new byte[3 << 20];
        for (var i = 0; i < layer.Length; i++) layer[i] = (byte)(i * 31);
        var (digest, blob) = source.AddImage("x/broken", "1", layer);
        var ranges = new List<string>();
        source.On($"/v2/x/broken/blobs/{blob}", async http =>
        {
            lock (ranges) ranges.Add(http.Request.Headers.Range.ToString());
            var from = ranges.Count < 3 ? 0 : int.Parse(
                http.Request.Headers.Range.ToString()["bytes=".Length..^1], CultureInfo.InvariantCulture);

            // The first breaks off; the second can't resume and breaks off; the third resumes.
            http.Response.StatusCode = from > 0 ? 206 : 200;
            if (from > 0)
                http.Response.Headers.ContentRange = $"bytes {from}-{layer.Length - 1}/{layer.Length}";
            http.Response.ContentLength = layer.Length - from;
            var end = ranges.Count < 3 ? ranges.Count << 20 : layer.Length;
            await http.Response.Body.WriteAsync(layer.AsMemory(from, end - from), http.RequestAborted);
            if (end == layer.Length) return;
            await http.Response.Body.FlushAsync(http.RequestAborted);
            http.Abort();
        });
        var busy = 0;
        source.Before = async http =>
        {
            if (!http.Request.Path.Value!.Contains("/tags/list") || ++busy > 2) return true;
            http.Response.Headers.RetryAfter = "1";
            await Fail(http, busy == 1 ? 429 : 503);
            return false;
        };
        (await ImportAsync("x/broken")).Is(0);
        Assert.Equal(digest, await DigestAsync("x/broken", "1"));
        Assert.Equal(layer, await registry.Client.GetByteArrayAsync(
            new Uri($"v2/x/broken/blobs/{blob}", UriKind.Relative), Stop));
        Assert.Equal(3, ranges.Count);
        Assert.Equal("", ranges[0]);
    }

    [Fact]
    public async Task Lists_and_redirects_that_never_end_are_left()
    {
        source.On("/v2/_catalog", http =>
        {
            http.Response.Headers.Link = "</v2/_catalog?last=x&n=1000>; rel=\"next\"";
            return http.Response.WriteAsync("""{"repositories":["x/good"]}""");
        });
        Assert.Contains("the same page comes again", (await ImportAsync("")).Is(2).Errors);
        source.On("/v2/_catalog", EndlessAsync);
        Assert.Contains("is longer than", (await ImportAsync("")).Is(2).Errors);
        source.On("/v2/_catalog", "<html>");
        Assert.Contains("is it a registry?", (await ImportAsync("")).Is(2).Errors);
        foreach (var status in new[] { 401, 403, 404, 405 })
        {
            source.On("/v2/_catalog", http => Fail(http, status));
            Assert.Contains("does not list its repositories", (await ImportAsync("")).Is(2).Errors);
        }

        source.On("/v2/x/around/tags/list", http => Redirect(http, "/v2/x/around/tags/list"));
        Assert.Contains("around in circles", (await ImportAsync("x/around")).Is(2).Errors);
        source.On("/v2/x/file/tags/list", http => Redirect(http, "file:///etc/passwd"));
        Assert.Contains("without TLS", (await ImportAsync("x/file")).Is(2).Errors);
        source.AddImage("x/referred", "1", "referred"u8.ToArray());
        var digest = (await ImportedAsync("x/referred"))!;
        var pages = 0;
        source.On($"/v2/x/referred/referrers/{digest}", http =>
        {
            http.Response.Headers.Link = $"</v2/x?page={++pages % 3}>; rel=\"next\"";
            return http.Response.WriteAsync("""{"manifests":[]}""");
        });
        var run = await ImportAsync("x/referred");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the same page comes again", run.Output);

        // Whoever is listed as a referrer must say so itself.
        source.On($"/v2/x/referred/referrers/{digest}", $$"""{"manifests":[{"digest":"{{OtherDigest()}}"}]}""");
        Assert.Contains("does not refer to it", (await ImportAsync("x/referred")).Is(1).Output);
        Assert.Equal(digest, await DigestAsync("x/referred", "1"));
        Assert.Null(await DigestAsync("x/referred", OtherDigest()));

        string OtherDigest()
        {
            var other = Encoding.UTF8.GetBytes(TestVolume.ImageOf(
                (OldRegistry.DigestOf("{}"u8.ToArray()), 2), (OldRegistry.DigestOf("{}"u8.ToArray()), 2)));
            source.On($"/v2/x/referred/manifests/{OldRegistry.DigestOf(other)}", other, ManifestType);
            return OldRegistry.DigestOf(other);
        }
    }

    [Fact]
    public async Task The_password_goes_to_the_registry_and_its_own_realm_and_to_nobody_else()
    {
        await using var stranger = await ScriptedRegistry.StartAsync("127.0.0.2");
        stranger.On("/token", """{"token":"abc"}""");
        source.AddImage("x/app", "1", "app"u8.ToArray());
        var realm = $"http://{stranger.Authority}/token";
        source.Before = async http =>
        {
            if (http.Request.Headers.Authorization.ToString() == "Bearer abc") return true;
            http.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}\",service=\"x\"";
            await Fail(http, 401);
            return false;
        };
        Assert.Contains("sends the password to another host", (await ImportAsJaneAsync("x/app")).Is(2).Errors);
        Assert.Empty(stranger.Asked);
        Assert.DoesNotContain(source.Asked, one => one.Credentials.Length > 0);

        // Nobody's token may come from anywhere.
        (await ImportAsync("x/app")).Is(0);
        Assert.Equal("", Assert.Single(stranger.Asked.Select(one => one.Credentials).Distinct()));

        // The store that it sends clients to gets nothing.
        var layer = source.AddImage("x/stored", "1", "stored"u8.ToArray()).Layer;
        stranger.On("/stored", "stored"u8.ToArray());
        source.On($"/v2/x/stored/blobs/{layer}", http => Redirect(http, $"http://{stranger.Authority}/stored"));
        source.Before = async http =>
        {
            if (http.Request.Headers.Authorization.Count > 0) return true;
            http.Response.Headers.WWWAuthenticate = "Basic realm=\"x\"";
            await Fail(http, 401);
            return false;
        };
        stranger.Asked.Clear();
        (await ImportAsJaneAsync("x/stored")).Is(0);
        Assert.Equal(("GET", "/stored", ""), Assert.Single(stranger.Asked));
    }

    [Fact]
    public async Task A_token_that_ends_in_the_middle_is_asked_for_again_and_one_that_is_never_taken_is_not_for_ever()
    {
        source.AddImage("x/app", "1", "app"u8.ToArray());
        var (given, used, isTaken) = (0, 0, true);
        source.On("/token", http => http.Response.WriteAsync($$"""{"token":"t{{++given}}","expires_in":3600}"""));
        source.Before = async http =>
        {
            if (http.Request.Path == "/token") return true;

            // Each is good for two requests.
            if (isTaken && http.Request.Headers.Authorization == $"Bearer t{given}" && ++used % 2 == 1) return true;
            if (isTaken && http.Request.Headers.Authorization == $"Bearer t{given}" && used % 2 == 0)
            {
                given++;
                return true;
            }

            http.Response.Headers.WWWAuthenticate = $"Bearer realm=\"http://{source.Authority}/token\",service=\"x\"";
            await Fail(http, 401);
            return false;
        };
        (await ImportAsJaneAsync("x/app")).Is(0);
        Assert.NotNull(await DigestAsync("x/app", "1"));
        var tokens = source.Asked.Where(one => one.Path.StartsWith("/token", StringComparison.Ordinal)).ToList();
        Assert.True(tokens.Count > 1, $"{tokens.Count}");
        Assert.All(tokens, one => Assert.StartsWith("Basic ", one.Credentials));
        isTaken = false;
        source.Asked.Clear();
        Assert.Contains("401", (await ImportAsJaneAsync("x/app")).Is(2).Errors);
        Assert.InRange(source.Asked.Count, 2, 10);
    }

    [Fact]
    public async Task What_a_credential_helper_keeps_is_used_and_a_refresh_token_gets_tokens()
    {
        var folder = Directory.CreateTempSubdirectory("berth-helper-").FullName;
        var helper = Path.Combine(folder, "docker-credential-test");
        await File.WriteAllTextAsync(
            helper, """
            #!/bin/sh
            cat > /dev/null
            echo '{"Username":"<token>","Secret":"refresh-me"}'
            """, Stop);
        File.SetUnixFileMode(helper, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "config.json"),
            $$$"""{"credHelpers": {"{{{source.Authority}}}": "test"} }""", Stop);
        var digest = source.AddImage("x/helped", "1", "helped"u8.ToArray()).Digest;
        var form = "";
        source.On("/token", async http =>
        {
            form = await new StreamReader(http.Request.Body).ReadToEndAsync(Stop);
            await http.Response.WriteAsync("""{"access_token":"abc"}""");
        });
        source.Before = async http =>
        {
            if (http.Request.Path == "/token" || http.Request.Headers.Authorization == "Bearer abc") return true;
            http.Response.Headers.WWWAuthenticate =
                $"Bearer realm=\"http://{source.Authority}/token\",service=\"x\",scope=\"repository:x/helped:pull\"";
            await Fail(http, 401);
            return false;
        };
        try
        {
            (await AccountCommand.RunAsync(
                new Dictionary<string, string>
                {
                    ["BERTH_PASSWORD"] = AccountsOf.AdminPassword,
                    ["DOCKER_CONFIG"] = folder,
                    ["PATH"] = $"{folder}:{Environment.GetEnvironmentVariable("PATH")}",
                },
                input: "", "import", $"http://{source.Authority}/x/helped", "--yes", "--server",
                registry.BaseAddress.ToString(), "--user", "admin")).Is(0);
            Assert.Equal(digest, await DigestAsync("x/helped", "1"));
            Assert.Contains("refresh_token=refresh-me", form);
            Assert.Contains("scope=repository%3Ax%2Fhelped%3Apull", form);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_source_that_goes_away_ends_the_import_which_goes_on_when_it_is_back()
    {
        var first = source.AddImage("x/first", "1", "first"u8.ToArray()).Digest;
        var second = source.AddImage("x/second", "1", "second"u8.ToArray()).Digest;
        source.On("/v2/_catalog", """{"repositories":["x/first","x/second"]}""");
        var isAway = true;
        source.Before = async http =>
        {
            var isSecond = http.Request.Path.Value!.StartsWith("/v2/x/second/m", StringComparison.Ordinal);
            if (!isAway || !isSecond) return true;
            await Task.Yield();
            http.Abort();
            return false;
        };
        var run = await ImportAsync("x/");
        Assert.Contains("run it again to go on", run.Is(1).Errors);
        Assert.Null(await DigestAsync("x/second", "1"));
        isAway = false;
        (await ImportAsync("x/")).Is(0);
        Assert.Equal((first, second), (await DigestAsync("x/first", "1"), await DigestAsync("x/second", "1")));
    }

    private static async Task EndlessAsync(HttpContext http)
    {
        http.Response.ContentType = ManifestType;
        var block = Encoding.ASCII.GetBytes(new string(' ', 1 << 20));
        while (!http.RequestAborted.IsCancellationRequested)
            await http.Response.Body.WriteAsync(block, http.RequestAborted);
    }

    private static Task Fail(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private static Task Redirect(HttpContext http, string place)
    {
        http.Response.StatusCode = 307;
        http.Response.Headers.Location = place;
        return Task.CompletedTask;
    }

    private Task<CommandResult> ImportAsync(string path) => new AccountCommand(registry).AskAsync(
        "admin", AccountsOf.AdminPassword, "import", $"http://{source.Authority}/{path}", "--yes");

    private async Task<string?> ImportedAsync(string repository)
    {
        (await ImportAsync(repository)).Is(0);
        return await DigestAsync(repository, "1");
    }

    private Task<CommandResult> ImportAsJaneAsync(string path) => AccountCommand.RunAsync(
        new Dictionary<string, string>
        {
            ["BERTH_PASSWORD"] = AccountsOf.AdminPassword,
            ["BERTH_FROM_PASSWORD"] = "of jane",
        },
        input: "",
        "import", $"http://{source.Authority}/{path}", "--yes", "--from-user", "jane", "--server",
        registry.BaseAddress.ToString(), "--user", "admin");

    private async Task<string?> DigestAsync(string repository, string reference) =>
        (await MovedRegistry.ManifestAsync(registry.Client, repository, reference))?.Digest;
}
