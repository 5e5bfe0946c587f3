using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Contents;
using Berth.Tests.Lifecycle;
using Berth.Tests.Scanning;
using static Berth.Tests.Scanning.KnownVulnerabilities;

namespace Berth.Tests.Policies;

/// <summary>Policies refuse images for what is known to be in them, and say why.</summary>
[Inside]
public sealed class PolicyTests : IAsyncLifetime
{
    private static readonly byte[] Layer = RawTar.Gzip(new RawTar()
        .File("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n")
        .File("var/lib/dpkg/status", "Package: libssl3\nSource: openssl (3.0.9-1)\nVersion: 3.0.9-1\n")
        .End());

    private static readonly string OpenSsl =
        Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "CRITICAL", "CVE-2023-1");

    private readonly AheadClock clock = new();
    private KnownVulnerabilities known = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        known = await StartAsync(clock);
        var accounts = new AccountsOf(known.Registry);
        foreach (var (name, actions) in new[]
        {
            ("ann", "pull"), ("bob", "pull,push,delete,manage"), ("scanner", "pull"),
        })
        {
            await accounts.GrantAsync(await accounts.AddUserAsync(name, ImagePusher.Password), "team/**", actions);
        }
    }

    public ValueTask DisposeAsync() => known.DisposeAsync();

    [Fact]
    public async Task An_image_with_a_vulnerability_that_is_too_bad_is_not_pulled()
    {
        var digest = await PushBadAsync();
        await (await PullAsync("ann", "1")).IsAsync(200);
        var id = await AddAsync("""{"names":"team/**","maxSeverity":"high","exempt":["scanner"]}""");
        var refused = await PullAsync("ann", "1");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var error = JsonDocument.Parse(await refused.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("errors")[0];
        Assert.Equal("DENIED", error.Of("code"));
        Assert.Equal(
            $"team/app@{digest[..19]} may not be pulled by policy {id} (team/**): it has CVE-2023-1 (critical) in "
            + "libssl3 3.0.9-1, fixed in 3.0.11-1: update these packages and build it again, or ask an "
            + "administrator to waive it",
            error.Of("message"));
        await (await PullAsync("ann", digest)).IsAsync(403);
        await (await PullAsync("ann", "1", "HEAD")).IsAsync(403);
        Assert.False(refused.Headers.Contains("Docker-Content-Digest"));

        // An index is let through, and its images are judged when they are pulled.
        await known.Images.PushIndexAsync("team/app", "all", (digest, """{"os":"linux","architecture":"amd64"}"""));
        await (await PullAsync("ann", "all")).IsAsync(200);
        await (await PullAsync("scanner", "1")).IsAsync(200);
        await (await PullAsync("scanner", "1", "HEAD")).IsAsync(200);
        using var removed = await known.Images.SendAsync("DELETE", $"/api/v1/policies/{id}", null, null, 204);
        await (await PullAsync("ann", "1")).IsAsync(200);
    }

    [Theory]
    [InlineData("""{"names":"team/**","maxSeverity":"none"}""", true)]
    [InlineData("""{"names":"team/other","maxSeverity":"none"}""", false)]
    [InlineData("""{"names":"team/**","maxSeverity":"high","on":["promotion"]}""", false)]
    [InlineData("""{"names":"team/**","maxSeverity":"high","onlyFixable":true}""", true)]
    [InlineData("""{"names":"team/**","maxSeverity":"high","fixGraceSeconds":86400}""", false)]
    [InlineData("""{"names":"team/**","refusesExploited":true}""", false)]
    public async Task A_policy_counts_only_what_it_is_about(string policy, bool isRefused)
    {
        await PushBadAsync(clock.GetUtcNow());
        await AddAsync(policy);
        await (await PullAsync("ann", "1")).IsAsync(isRefused ? 403 : 200);
    }

    [Fact]
    public async Task A_fix_counts_once_it_is_old_enough()
    {
        await PushBadAsync(clock.GetUtcNow());
        await AddAsync("""{"names":"team/**","maxSeverity":"high","fixGraceSeconds":86400}""");
        await (await PullAsync("ann", "1")).IsAsync(200);
        clock.Advance(TimeSpan.FromHours(25));
        await (await PullAsync("ann", "1")).IsAsync(403);
    }

    [Fact]
    public async Task A_fix_for_an_old_vulnerability_is_as_old_as_the_fix()
    {
        await known.Images.PushAsync("team/app", "1", Layer);
        await known.CompareAsync("team/app:1");
        await known.TellAsync(Record("DEBIAN-CVE-2023-1", "Debian:12", "openssl", null, "CRITICAL", "CVE-2023-1"));
        await AddAsync("""{"names":"team/**","maxSeverity":"high","fixGraceSeconds":86400}""");
        await (await PullAsync("ann", "1")).IsAsync(200);
        await known.TellAsync(OpenSsl);
        clock.Advance(TimeSpan.FromHours(2));
        await (await PullAsync("ann", "1")).IsAsync(200);
        clock.Advance(TimeSpan.FromHours(25));
        await (await PullAsync("ann", "1")).IsAsync(403);
    }

    [Fact]
    public async Task An_image_of_a_distribution_that_nobody_has_data_about_is_not_known_to_be_good()
    {
        await known.Images.PushAsync("team/app", "1", Layer);
        await known.CompareAsync("team/app:1");
        await known.TellAsync(Record("ALPINE-CVE-2023-1", "Alpine:v3.18", "openssl", "3.1.1-r0", "LOW", "CVE-2023-1"));
        var id = await AddAsync("""{"names":"team/**","maxSeverity":"high"}""");
        var refused = await (await PullAsync("ann", "1")).IsAsync(403);
        Assert.Contains(
            "there is no data about packages of Debian:12", await refused.Content.ReadAsStringAsync(Stop));
        using var removed = await known.Images.SendAsync("DELETE", $"/api/v1/policies/{id}", null, null, 204);
        await AddAsync("""{"names":"team/**","maxSeverity":"high","allowsUnscanned":true}""");
        await (await PullAsync("ann", "1")).IsAsync(200);
    }

    [Fact]
    public async Task A_policy_that_warns_lets_images_through_with_a_word()
    {
        await PushBadAsync();
        await AddAsync("""{"names":"team/**","maxSeverity":"high","onlyWarns":true}""");
        var warned = await (await PullAsync("ann", "1")).IsAsync(200);
        var value = Assert.Single(warned.Headers.GetValues("Warning"));
        Assert.StartsWith("299 - \"team/app@sha256:", value);
        Assert.Contains("CVE-2023-1 (critical) in libssl3 3.0.9-1, fixed in 3.0.11-1", value);
    }

    [Fact]
    public async Task A_waiver_counts_until_its_end_and_for_mandatory_policies_only_from_administrators()
    {
        await PushBadAsync();
        var id = await AddAsync("""{"names":"team/**","maxSeverity":"high"}""");
        const string Waiver = """{"names":"team/app","vulnerability":"cve-2023-1","reason":"not reachable"}""";
        var own = await ApiAsync("bob", "POST", "/waivers", Waiver, 201);
        Assert.False(own.GetProperty("isMandatory").GetBoolean());
        Assert.Equal(
            $"it does not count for mandatory policies ({id}): ask an administrator to waive it for those",
            Assert.Single(own.GetProperty("notices").EnumerateArray()).GetString());
        Assert.Contains(
            $"(CVE-2023-1: waived in team, but policy {id} is mandatory)",
            await (await (await PullAsync("ann", "1")).IsAsync(403)).Content.ReadAsStringAsync(Stop));

        var until = clock.GetUtcNow().AddDays(2).ToString("O");
        var waiver = await ApiAsync(
            "admin", "POST", "/waivers",
            $$"""
            {"names":"team/**","vulnerability":"DEBIAN-CVE-2023-1","package":"openssl","reason":"x","until":"{{until}}"}
            """,
            201);
        await (await PullAsync("ann", "1")).IsAsync(200);
        clock.Advance(TimeSpan.FromDays(3));
        await (await PullAsync("ann", "1")).IsAsync(403);
        await ApiAsync("bob", "DELETE", $"/waivers/{waiver.Of("id")}", null, 403);
        await ApiAsync("admin", "DELETE", $"/waivers/{waiver.Of("id")}", null, 204);
        var other = await ApiAsync(
            "admin", "POST", "/waivers",
            """{"names":"team/**","vulnerability":"CVE-2023-1","package":"other","reason":"x"}""", 201);
        Assert.Equal(
            "no image in team/** is known to have CVE-2023-1 in other: check the names",
            Assert.Single(other.GetProperty("notices").EnumerateArray()).GetString());
        await (await PullAsync("ann", "1")).IsAsync(403);
    }

    [Fact]
    public async Task Policies_and_waivers_of_owners_go_together()
    {
        await PushBadAsync();
        var policy = await ApiAsync("bob", "POST", "/policies", """{"names":"team/**","maxSeverity":"high"}""", 201);
        Assert.False(policy.GetProperty("isMandatory").GetBoolean());
        await (await PullAsync("ann", "1")).IsAsync(403);
        await ApiAsync(
            "bob", "POST", "/waivers", """{"names":"team/app","vulnerability":"CVE-2023-1","reason":"x"}""", 201);
        await (await PullAsync("ann", "1")).IsAsync(200);
    }

    [Fact]
    public async Task A_new_image_has_its_time_until_it_is_looked_into()
    {
        await AddAsync("""{"names":"team/**","maxSeverity":"high","scanGraceSeconds":3600}""");
        await known.Images.PushAsync("team/app", "1", Layer);
        await (await PullAsync("ann", "1")).IsAsync(200);
        clock.Advance(TimeSpan.FromHours(2));
        var refused = await (await PullAsync("ann", "1")).IsAsync(403);
        Assert.Contains("vulnerabilities are not known yet", await refused.Content.ReadAsStringAsync(Stop));
        await known.CompareAsync("team/app:1");
        await known.TellAsync(Record("X", "Debian:12", "other", null));
        clock.Advance(TimeSpan.FromSeconds(3));
        await (await PullAsync("ann", "1")).IsAsync(200);

        // It is found out later that there is something wrong with it.
        await known.TellAsync(OpenSsl);
        clock.Advance(TimeSpan.FromMinutes(2));
        await (await PullAsync("ann", "1")).IsAsync(403);
    }

    [Fact]
    public async Task Clients_that_push_may_look_at_what_is_refused()
    {
        await PushBadAsync();
        await AddAsync("""{"names":"team/**","maxSeverity":"high"}""");
        foreach (var (user, scope, status) in new[]
        {
            ("bob", "repository:team/app:pull", 403), ("bob", "repository:team/app:pull,push", 200),
            ("ann", "repository:team/app:pull,push", 403),
        })
        {
            using var asked = await known.Registry.Client.SendAsync(
                With(user, HttpMethod.Get, $"/token?service=berth&scope={scope}"), Stop);
            var token = JsonDocument.Parse(await asked.Content.ReadAsStringAsync(Stop)).RootElement.Of("token");
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get })
            {
                using var request = new HttpRequestMessage(method, "/v2/team/app/manifests/1");
                request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
                await (await known.Registry.Client.SendAsync(request, Stop)).IsAsync(status);
            }
        }
    }

    [Fact]
    public async Task What_would_be_refused_is_told_before_and_to_whom()
    {
        var digest = await PushBadAsync();
        await known.Images.PushAsync("team/good", "1", RawTar.Gzip(new RawTar().File("a", "b").End()));
        await known.CompareAsync("team/good:1");
        var plan = await ApiAsync(
            "admin", "POST", "/policies/plan", """{"names":"**","maxSeverity":"high","exempt":["scanner"]}""", 200);
        Assert.Equal(("2", "1"), (plan.Of("judged"), plan.Of("refused")));
        var one = Assert.Single(plan.GetProperty("items").EnumerateArray());
        Assert.Equal(("team/app", digest), (one.Of("repository"), one.Of("digest")));
        Assert.Equal("1", one.GetProperty("tags")[0].GetString());
        Assert.Contains("CVE-2023-1", one.GetProperty("reasons")[0].GetString());
        var audience = Assert.Single(plan.GetProperty("audience").EnumerateArray());
        Assert.Equal(
            ["ann", "bob"], audience.GetProperty("names").EnumerateArray().Select(name => name.GetString()!).Order());

        // Nothing is saved by that.
        await (await PullAsync("ann", "1")).IsAsync(200);
        var image = await ApiAsync("ann", "GET", "/images/1/policies?repository=team/app", null, 200);
        Assert.Equal("0", image.Of("policies"));
        await AddAsync("""{"names":"team/**","maxSeverity":"high"}""");
        image = await ApiAsync("ann", "GET", "/images/1/policies?repository=team/app", null, 200);
        Assert.True(image.GetProperty("isRefused").GetBoolean());
        Assert.Contains("CVE-2023-1", image.GetProperty("items")[0].GetProperty("reasons")[0].GetString());
        await ApiAsync("ann", "POST", "/policies/plan", """{"names":"team/**","maxSeverity":"high"}""", 403);
    }

    [Fact]
    public async Task What_is_mandatory_is_for_administrators()
    {
        var id = await AddAsync("""{"names":"team/**","maxSeverity":"high"}""");
        await ApiAsync("bob", "DELETE", $"/policies/{id}", null, 403);
        await ApiAsync("bob", "PUT", $"/policies/{id}", """{"names":"team/**","maxSeverity":"low"}""", 403);
        await ApiAsync(
            "bob", "POST", "/policies", """{"names":"team/**","maxSeverity":"low","isMandatory":true}""", 403);
        await ApiAsync("bob", "POST", "/policies", """{"names":"**","maxSeverity":"low"}""", 403);
        await ApiAsync("ann", "POST", "/policies", """{"names":"team/**","maxSeverity":"low"}""", 403);
        await ApiAsync("ann", "GET", $"/policies/{id}", null, 404);
        await ApiAsync("bob", "GET", $"/policies/{id}", null, 200);
        await ApiAsync("bob", "GET", "/policies", null, 403);
        await ApiAsync("bob", "GET", "/policies?namespace=team", null, 200);
        await ApiAsync("ann", "POST", "/waivers", """{"names":"team/**","vulnerability":"CVE-1","reason":"x"}""", 403);
    }

    [Theory]
    [InlineData("""{"names":"team/**"}""", "asks for nothing")]
    [InlineData("""{"names":"team/**","maxSeverity":"bad"}""", "worst severity")]
    [InlineData("""{"names":"Team","maxSeverity":"high"}""", "matches no repository")]
    [InlineData("""{"names":"team/**","maxSeverity":"high","on":["sunday"]}""", "sunday")]
    [InlineData("""{"names":"team/**","isSigned":true,"on":["push"]}""", "come after the push")]
    [InlineData("""{"names":"team/**","isSigned":true,"onlyFixable":true}""", "maxSeverity")]
    [InlineData("""{"names":"team/**","maxAgeSeconds":-1}""", "above 0")]
    [InlineData("""{"names":"team/**","labels":[""]}""", "labels")]
    [InlineData("""{"names":"team/**","labels":[null]}""", "labels")]
    [InlineData("""{"names":"team/**","isSigned":true,"on":[null]}""", "counts on")]
    [InlineData("""{"names":"team/**","isSigned":true,"exempt":["anonymous"]}""", "everybody")]
    public async Task A_policy_that_makes_no_sense_is_not_saved(string policy, string fault) =>
        Assert.Contains(fault, (await ApiAsync("admin", "POST", "/policies", policy, 400)).ToString());

    [Theory]
    [InlineData("""{"names":"team/**","vulnerability":"","reason":"x"}""", "vulnerability")]
    [InlineData("""{"names":"team/**","vulnerability":"CVE 1","reason":"x"}""", "vulnerability")]
    [InlineData("""{"names":"team/**","vulnerability":"CVE-1","reason":" "}""", "reason")]
    [InlineData("""{"names":"TEAM","vulnerability":"CVE-1","reason":"x"}""", "matches no repository")]
    [InlineData("""{"names":"team/**","vulnerability":"CVE-1","reason":"x","until":"2001-01-01T00:00:00Z"}""", "past")]
    public async Task A_waiver_that_makes_no_sense_is_not_saved(string waiver, string fault) =>
        Assert.Contains(fault, (await ApiAsync("admin", "POST", "/waivers", waiver, 400)).ToString());

    /// <param name="published">When there was a fix; null: long ago.</param>
    private async Task<string> PushBadAsync(DateTimeOffset? published = null)
    {
        var digest = await known.Images.PushAsync("team/app", "1", Layer);
        await known.CompareAsync("team/app:1");
        await known.TellAsync(published is not { } time ? OpenSsl : Record(
            "DEBIAN-CVE-2023-1", "Debian:12", "openssl", "3.0.11-1", "CRITICAL", "CVE-2023-1",
            time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)));
        return digest;
    }

    private async Task<string> AddAsync(string policy) =>
        (await ApiAsync("admin", "POST", "/policies", policy, 201)).Of("id");

    private async Task<JsonElement> ApiAsync(string user, string method, string path, string? body, int status)
    {
        using var request = With(user, new HttpMethod(method), "/api/v1" + path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await known.Registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True((int)answer.StatusCode == status, $"{method} {path} as {user}: {answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    private Task<HttpResponseMessage> PullAsync(string user, string reference, string method = "GET") =>
        known.Registry.Client.SendAsync(
            With(user, new HttpMethod(method), $"/v2/team/app/manifests/{reference}"), Stop);

    private static HttpRequestMessage With(string user, HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            AccountsOf.Basic(user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        return request;
    }
}

/// <summary>The machine's clock, set ahead.</summary>
internal sealed class AheadClock : TimeProvider
{
    private long ticks;

    private TimeSpan Ahead => TimeSpan.FromTicks(Interlocked.Read(ref ticks));

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

    public override long GetTimestamp() => base.GetTimestamp() + (long)(Ahead.TotalSeconds * TimestampFrequency);

    public void Advance(TimeSpan time) => Interlocked.Add(ref ticks, time.Ticks);
}

/// <summary>Checks answers.</summary>
internal static class StatusOf
{
    public static async Task<HttpResponseMessage> IsAsync(this HttpResponseMessage answer, int status)
    {
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var asked = answer.RequestMessage?.RequestUri;
        Assert.True((int)answer.StatusCode == status, $"{asked}: {answer.StatusCode} {text}");
        return answer;
    }
}
