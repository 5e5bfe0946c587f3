using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Settings;
using Berth.Tests.Access;
using Berth.Tests.Cli;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>How much namespaces and repositories may keep, and who is refused.</summary>
[Inside]
public sealed class QuotaTests : IAsyncLifetime
{
    private RegistryFixture registry = null!;
    private ImagePusher admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(settings: s => s with
        {
            Limits = s.Limits with { UploadsPerClient = 1000, UploadsPerAccount = 1000 },
        });
        admin = new ImagePusher(registry, "admin");
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task Of_five_hundred_pushes_at_once_as_many_succeed_as_have_room_and_the_usage_is_exact()
    {
        const int Fitting = 200;
        await SetAsync("a", maxBytes: Fitting * 1000);
        var pushes = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => PushBlobAsync(
            $"a/r{i % 7}", i.ToString().PadRight(1000))));
        Assert.All(pushes, push => Assert.True(
            push.Status is HttpStatusCode.Created or HttpStatusCode.Forbidden, $"{push.Status} {push.Text}"));
        Assert.Equal(Fitting, pushes.Count(push => push.Status == HttpStatusCode.Created));
        Assert.Equal(Fitting * 1000L, (await UsageCount.ReadAsync(registry))["a"]);
        Assert.Contains("a uses ", pushes.First(push => push.Status == HttpStatusCode.Forbidden).Text);
        Assert.Single(registry.Log, line => line.Contains("a comes near its quota", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_refusal_has_the_numbers_and_comes_before_the_body_was_sent()
    {
        await SetAsync("a", maxBytes: 3 << 20);
        await PushAsync("a/app", new string('x', 1 << 20), 201);
        var image = await admin.PushAsync("a/app", "v1", new string('y', 1 << 20));
        await admin.IsAsync("DELETE", $"/v2/a/app/manifests/{image}", 202);
        var asked = new AskedContent(5 << 20);
        var upload = await StartUploadAsync("a/app");
        using var request = new HttpRequestMessage(HttpMethod.Patch, upload) { Content = asked };
        request.Headers.ExpectContinue = true;
        var (status, text) = await SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Contains("DENIED", text);
        Assert.Contains("a uses 2 MiB of 3 MiB, 1 MiB of them in the trash (berth trash empty --namespace a)", text);
        Assert.Contains("this layer has 5 MiB. Deleted layers count until storage.maintenance.gc.grace", text);
        Assert.False(asked.WasSent);
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_cut_off_where_the_quota_ends()
    {
        await SetAsync("a", maxBytes: 9 << 20);
        using var request = new HttpRequestMessage(HttpMethod.Patch, await StartUploadAsync("a/app"))
        {
            Content = new AskedContent(20 << 20, isLengthKnown: false),
        };
        var (status, text) = await SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Contains("a uses 0 B of 9 MiB", text);
        Assert.Equal(0, (await registry.StoredAsync("uploads")).Sum());
        await PushAsync("a/app", new string('x', 9 << 20), 201);
        var full = await PushBlobAsync("a/app", "one more");
        Assert.Equal(HttpStatusCode.Forbidden, full.Status);
    }

    [Fact]
    public async Task An_upload_holds_its_room_until_it_is_aborted_or_done()
    {
        await SetAsync("a/app", maxBytes: 1000);
        var first = await StartUploadAsync("a/app");
        Assert.Equal(HttpStatusCode.Accepted, (await PatchAsync(first, 800)).Status);
        var second = await PatchAsync(await StartUploadAsync("a/app"), 800);
        Assert.Equal(HttpStatusCode.Forbidden, second.Status);
        Assert.Contains(
            "a/app uses 0 B of 1000 B; other uploads in progress need 800 B; this layer has 800 B", second.Text);
        await admin.IsAsync("DELETE", first, 204);
        var third = await StartUploadAsync("a/app");
        Assert.Equal(HttpStatusCode.Accepted, (await PatchAsync(third, 800)).Status);
        await admin.IsAsync("PUT", $"{third}?digest={ImagePusher.DigestOf(new string('x', 800))}", 201);
        Assert.Contains("a/app uses 800 B of 1000 B", (await PatchAsync(await StartUploadAsync("a/app"), 201)).Text);
        await PushAsync("a/app", new string('z', 200), 201);
        var full = await SendAsync("POST", "/v2/a/app/blobs/uploads/", null);
        Assert.Contains("a/app uses 1000 B of 1000 B", full.Text);
    }

    [Fact]
    public async Task What_is_there_stays_and_what_needs_nothing_new_is_still_pushed()
    {
        var one = await admin.PushAsync("a/app", "v1", "layer");
        await PushAsync("b/app", "elsewhere", 201);
        await SetAsync("a", maxBytes: 2);
        await admin.IsAsync("GET", "/v2/a/app/manifests/v1", 200);
        await admin.PushManifestAsync(
            "a/app", "v2", await admin.TextAsync("/v2/a/app/manifests/v1"),
            "application/vnd.oci.image.manifest.v1+json");
        await admin.PushReferrerAsync("a/app", one);
        await PushAsync("a/app", "layer", 201);
        await admin.IsAsync(
            "POST", $"/v2/a/other/blobs/uploads/?mount={ImagePusher.DigestOf("layer")}&from=a/app", 201);
        var mount = await SendAsync(
            "POST", $"/v2/a/app/blobs/uploads/?mount={ImagePusher.DigestOf("elsewhere")}&from=b/app", null);
        Assert.Equal(HttpStatusCode.Forbidden, mount.Status);
        Assert.Contains("a uses 7 B of 2 B; this layer has 9 B", mount.Text);
        Assert.Equal(7, (await UsageCount.ReadAsync(registry))["a"]);
    }

    [Fact]
    public async Task Tags_have_a_quota_too()
    {
        await SetAsync("a", maxTags: 2);
        var digest = await admin.PushAsync("a/app", "v1", "layer");
        await admin.PushAsync("a/other", "v1", "layer");
        var body = await admin.TextAsync("/v2/a/app/manifests/v1");
        var refused = await SendAsync("PUT", "/v2/a/app/manifests/v2", body);
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Contains("a has 2 of at most 2 tags", refused.Text);
        await admin.ApiAsync("PUT", "/tags/v2?repository=a/app", $$"""{"target":"{{digest}}"}""", 403);
        Assert.Equal(["v1"], await admin.TagsAsync("a/app"));
        Assert.Equal(HttpStatusCode.Created, (await SendAsync("PUT", "/v2/a/app/manifests/v1", body)).Status);
        await admin.IsAsync("DELETE", "/v2/a/other/manifests/v1", 202);
        Assert.Equal(HttpStatusCode.Created, (await SendAsync("PUT", "/v2/a/app/manifests/v2", body)).Status);
    }

    [Fact]
    public async Task Administrators_set_quotas_and_owners_see_theirs()
    {
        await new AccountsOf(registry).AddUserAsync("ann", ImagePusher.Password);
        var ann = new ImagePusher(registry, "ann");
        await SetAsync("ann", maxBytes: 10, warnPercent: 50);
        await SetAsync("ann/app", maxTags: 1);
        await SetAsync("b", maxBytes: 10);
        await PushAsync("ann/app", "12345", 201);
        var own = await ann.ApiAsync("GET", "/quotas/ann", null, 200);
        Assert.Equal(
            ("10", "", "50", "5", "0", "True"),
            (own.Of("maxBytes"), own.Of("maxTags"), own.Of("warnPercent"), own.Of("usedBytes"), own.Of("tags"),
                own.Of("isNear")));
        var listed = (await ann.ApiAsync("GET", "/quotas?namespace=ann", null, 200)).GetProperty("items");
        Assert.Equal(["ann", "ann/app"], listed.EnumerateArray().Select(one => one.Of("scope")));
        await ann.ApiAsync("GET", "/quotas", null, 403);
        await ann.ApiAsync("GET", "/quotas/b", null, 404);
        await ann.ApiAsync("GET", "/quotas?namespace=b", null, 404);
        await ann.ApiAsync("PUT", "/quotas/ann", """{"maxBytes":100}""", 403);
        await ann.ApiAsync("DELETE", "/quotas/ann", null, 403);
        await admin.ApiAsync("DELETE", "/quotas/b", null, 204);
        await admin.ApiAsync("GET", "/quotas/b", null, 404);
    }

    [Theory]
    [InlineData("/quotas/A", """{"maxBytes":1}""")]
    [InlineData("/quotas/a", """{"maxBytes":-1}""")]
    [InlineData("/quotas/a", """{"maxBytes":"1"}""")]
    [InlineData("/quotas/a", """{"maxTags":-1}""")]
    [InlineData("/quotas/a", """{"warnPercent":101}""")]
    [InlineData("/quotas/a", """{"bytes":1}""")]
    public Task Bad_quotas_get_an_error(string path, string body) => admin.ApiAsync("PUT", path, body, 400);

    [Fact]
    public async Task The_commands_set_show_and_delete_quotas()
    {
        var command = new AccountCommand(registry);
        await PushAsync("a/app", new string('x', 1024), 201);
        var set = (await command.RunAsync("quota", "set", "a", "--bytes", "10GiB")).Is(0).Output;
        Assert.Equal(
            "a uses 1 KiB of 10 GiB, 0 B of them in the trash, and has 0 of any number of tags.", set.Trim());
        await command.RunAsync("quota", "set", "a", "--tags", "5");
        Assert.Contains("of 10 GiB", (await command.RunAsync("quota", "show", "a")).Is(0).Output);
        Assert.Matches("\na +1 KiB +10 GiB +0 B +0 +5 +no\n", (await command.RunAsync("quota", "list")).Is(0).Output);
        foreach (var (typed, shown) in new[]
        {
            ("1.5 GiB", "1.5 GiB"), ("10GB", "10GB"), ("1.5tb", "1500GB"), ("0.5KiB", "512 B"), ("1536MiB", "1.5 GiB"),
        })
        {
            var told = await command.RunAsync("quota", "set", "a", "--bytes", typed);
            Assert.Contains($" of {shown}", told.Is(0).Output);
            await command.RunAsync("quota", "set", "a", "--bytes", shown);
            Assert.Contains($" of {shown}", (await command.RunAsync("quota", "show", "a")).Is(0).Output);
        }

        foreach (var wrong in new[] { "1.5", "1,5GB", "-1GB", "1e3GB", "99999999999TB", "GB", "1.5B" })
        {
            var refused = await command.RunAsync("quota", "set", "a", $"--bytes={wrong}");
            Assert.Contains("is no size", refused.Is(2).Errors);
        }

        var over = (await command.RunAsync("quota", "set", "a", "--bytes", "1023")).Is(0).Output;
        Assert.Contains("a uses 1 KiB of 1023 B (over)", over);
        Assert.Matches("\na .* over\n", (await command.RunAsync("quota", "list")).Is(0).Output);
        var none = (await command.RunAsync("quota", "set", "nosuch", "--bytes", "1GiB")).Is(0).Output;
        Assert.Contains("Nothing is there yet", none);
        await command.RunAsync("quota", "set", "a", "--bytes", "any");
        Assert.Contains("any number of bytes", (await command.RunAsync("quota", "show", "a")).Is(0).Output);
        (await command.RunAsync("quota", "delete", "a")).Is(0);
        Assert.Contains("no such quota", (await command.RunAsync("quota", "show", "a")).Is(1).Errors);
        var lots = await command.RunAsync("quota", "set", "a", "--bytes", "lots");
        Assert.Contains("'lots' is no size", lots.Is(2).Errors);
        Assert.Contains("give --bytes", (await command.RunAsync("quota", "set", "a")).Is(2).Errors);
    }

    [Fact]
    public async Task The_settings_have_a_quota_for_all_namespaces_without_their_own()
    {
        await using var limited = await StartAsync(
            settings: s => s with { Quotas = new QuotaSettings { NamespaceBytes = 10 } });
        var images = new ImagePusher(limited, "admin");
        await images.SendAsync(
            "POST", $"/v2/a/app/blobs/uploads/?digest={ImagePusher.DigestOf("12345678901")}", "12345678901", null, 403);
        Assert.Equal("True", (await images.ApiAsync("GET", "/quotas/a", null, 200)).Of("isDefault"));
        await images.ApiAsync("PUT", "/quotas/a", "{}", 200);
        await images.SendAsync(
            "POST", $"/v2/a/app/blobs/uploads/?digest={ImagePusher.DigestOf("12345678901")}", "12345678901", null, 201);
    }

    private Task<JsonElement> SetAsync(
        string scope, long? maxBytes = null, long? maxTags = null, int? warnPercent = null)
    {
        var fields = new List<string>();
        if (maxBytes is { } bytes) fields.Add($"\"maxBytes\":{bytes}");
        if (maxTags is { } tags) fields.Add($"\"maxTags\":{tags}");
        if (warnPercent is { } percent) fields.Add($"\"warnPercent\":{percent}");
        return admin.ApiAsync("PUT", $"/quotas/{scope}", $"{{{string.Join(',', fields)}}}", 200);
    }

    private async Task PushAsync(string repository, string blob, int status)
    {
        var push = await PushBlobAsync(repository, blob);
        Assert.True((int)push.Status == status, $"{push.Status} {push.Text}");
    }

    private Task<(HttpStatusCode Status, string Text)> PushBlobAsync(string repository, string blob) =>
        SendAsync("POST", $"/v2/{repository}/blobs/uploads/?digest={ImagePusher.DigestOf(blob)}", blob);

    private async Task<string> StartUploadAsync(string repository) =>
        (await admin.SendAsync("POST", $"/v2/{repository}/blobs/uploads/", null, null, 202))
            .Headers.Location!.ToString();

    private async Task<(HttpStatusCode Status, string Text)> PatchAsync(string upload, int bytes) =>
        await SendAsync("PATCH", upload, new string('x', bytes));

    private Task<(HttpStatusCode Status, string Text)> SendAsync(string method, string path, string? body)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = new(method == "PUT"
                ? "application/vnd.oci.image.manifest.v1+json" : "application/octet-stream");
        }

        return SendAsync(request);
    }

    private async Task<(HttpStatusCode Status, string Text)> SendAsync(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("Authorization", Basic("admin", AdminPassword));
        using var response = await registry.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Stop));
    }

    /// <summary>A body that notes whether it was asked for.</summary>
    private sealed class AskedContent(long bytes, bool isLengthKnown = true) : HttpContent
    {
        public bool WasSent { get; private set; }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            WasSent = true;
            var block = new byte[64 * 1024];
            for (var left = bytes; left > 0; left -= block.Length)
                await stream.WriteAsync(block.AsMemory(0, (int)Math.Min(left, block.Length)), Stop);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes;
            return isLengthKnown;
        }
    }
}
