using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Audit;

/// <summary>Wrong tokens and passkeys cost nothing to send: noting each would fill the logs.</summary>
[Once]
public sealed class RefusalFloodTests
{
    private const int Noted = 20;

    private const string Admin = "a good password";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_flood_of_wrong_tokens_and_passkeys_fills_no_log_and_hides_no_wrong_password()
    {
        await using var registry = await RegistryFixture.StartAsync(s => s with
        {
            Auth = new AuthSettings
            {
                Local = new LocalSettings { Enabled = true, AdminPassword = Admin, BcryptCost = 4 },
                FailedSignIns = new FailedSignInSettings { PerAddress = Noted, Window = TimeSpan.FromHours(1) },
            },
        });
        for (var i = 0; i < 10 * Noted; i++)
        {
            using var refused = await RefuseAsync(registry, i);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        using var wrong = await AskAsync(registry, "admin", "wrong");
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        await Eventually.TrueAsync(async () => (await AuditAsync(registry)).Contains("wrong user name or password"));
        var noted = (await AuditAsync(registry)).Split("\"denied\"").Length - 1;
        Assert.Equal(Noted + 1, noted);

        // One line more says why the others are missing.
        var lines = registry.Log.Where(line => line.Contains("Sign-in failed", StringComparison.Ordinal)).ToList();
        Assert.Equal(Noted + 2, lines.Count);
        Assert.Single(lines, line => line.Contains("too often to note each", StringComparison.Ordinal));
        using var right = await AskAsync(registry, "admin", Admin);
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
    }

    /// <summary>Where there are no users, nobody can be asked to sign in.</summary>
    [Fact]
    [Inside]
    public async Task What_strangers_may_not_do_in_a_registry_without_users_fills_no_log()
    {
        await using var registry = await RegistryFixture.StartAsync(
            s => s with { Auth = new AuthSettings { Anonymous = AnonymousAccess.Pull } });
        using var push = await registry.Client.PostAsync("v2/a/b/blobs/uploads/", content: null, Stop);
        Assert.Equal(HttpStatusCode.Forbidden, push.StatusCode);
        using var api = await registry.Client.GetAsync("api/v1/me", Stop);
        Assert.Equal(HttpStatusCode.Forbidden, api.StatusCode);
        await registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
        var database = registry.Services.GetRequiredService<Database>();
        const string Noted = "SELECT count(*) FROM audit_entry WHERE action <> 'start'";
        Assert.Equal(0, await database.ReadAsync(s => s.NumberAsync(Noted), Stop));
    }

    private static async Task<HttpResponseMessage> RefuseAsync(RegistryFixture registry, int number)
    {
        var junk = $"berth_pat_{number:000000}{new string('a', 26)}";
        if (number % 4 == 0) return await AskAsync(registry, "admin", junk);
        if (number % 4 == 1)
        {
            return await registry.Client.PostAsync(
                "auth/passkeys", JsonContent.Create(new { ticket = "x", credential = new { id = "x" } }), Stop);
        }

        if (number % 4 == 2)
        {
            using var form = new FormUrlEncodedContent(
                new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = junk });
            return await registry.Client.PostAsync("token", form, Stop);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, "v2/");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", junk);
        return await registry.Client.SendAsync(request, Stop);
    }

    private static async Task<string> AuditAsync(RegistryFixture registry)
    {
        using var answer = await AskAsync(registry, "admin", Admin, "api/v1/audit?action=sign-in&n=1000");
        return await answer.Content.ReadAsStringAsync(Stop);
    }

    private static async Task<HttpResponseMessage> AskAsync(
        RegistryFixture registry, string user, string password, string path = "token?service=berth")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        return await registry.Client.SendAsync(request, Stop);
    }
}
