using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Settings;
using Berth.Tests.Access;
using OtpNet;

namespace Berth.Tests.Identity;

/// <summary>One registry for the tests of second factors and new accounts.</summary>
public sealed class SecondFactorRegistry : IAsyncLifetime
{
    public const string Password = "a good password";

    /// <summary>How long the codes of an app stay the same.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(30);

    private int made;

    internal RegistryFixture Registry { get; private set; } = null!;

    /// <summary>
    /// The registry's clock, which only a test moves on; null where the registry is a process of its own. An answer of
    /// a passkey must be later than the last one, by a millisecond.
    /// </summary>
    internal SetClock? Clock { get; } =
        TestEngines.IsProgram ? null : new SetClock { PerLook = TimeSpan.FromMilliseconds(1) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Registry = await RegistryFixture.StartAsync(
        s => s with
        {
            Auth = new AuthSettings
            {
                Local = new LocalSettings
                {
                    Enabled = true,
                    AdminPassword = Password,
                    BcryptCost = 4,
                    OpenRegistration = true,
                    RegistrationsPerNetwork = 1000,
                },
                SecondFactor = new SecondFactorSettings { StepLifetime = TimeSpan.FromMinutes(4) },
                FailedSignIns = new FailedSignInSettings { PerAddress = 1000 },
            },
            Access =
            [
                new AccessRuleSettings { Allow = ["user:ruled"], Actions = ["push"], Names = ["dev/**"] },
            ],
        },
        Clock);

    public ValueTask DisposeAsync() => Registry.DisposeAsync();

    /// <summary>A new user.</summary>
    internal async Task<string> UserAsync()
    {
        var name = $"u{Interlocked.Increment(ref made)}x";
        Assert.Equal(201, await AskAsync("admin", HttpMethod.Post, "users", new { name, password = Password }));
        return name;
    }

    /// <summary>The status of a request to the API with a name and the usual password, or another.</summary>
    internal async Task<int> AskAsync(
        string who, HttpMethod method, string path, object? body = null, string password = Password)
    {
        using var request = new HttpRequestMessage(method, "api/v1/" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{who}:{password}")));
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await Registry.Client.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }

    /// <summary>A browser in which a user without a second factor has just signed in.</summary>
    internal async Task<TestBrowser> SignInAsync(string name)
    {
        var browser = new TestBrowser(Registry);
        var (status, _) = await PostAsync(browser, "auth/password", new { name, password = Password });
        Assert.Equal(200, status);
        Assert.Equal(name, await browser.WhoAsync());
        return browser;
    }

    /// <summary>Sends JSON as a page of the registry does.</summary>
    internal static async Task<(int Status, JsonElement Json)> PostAsync(
        TestBrowser browser, string path, object body, HttpMethod? method = null)
    {
        using var content = body is JsonNode node
            ? new StringContent(node.ToJsonString(), Encoding.UTF8, "application/json")
            : (HttpContent)JsonContent.Create(body);
        using var answer = await browser.SendAsync(path, content, browser.Origin, method);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        return ((int)answer.StatusCode, text.StartsWith('{') ? JsonDocument.Parse(text).RootElement : default);
    }

    /// <summary>Adds an app to a user's account, and answers what makes its codes, and the recovery codes.</summary>
    internal async Task<(byte[] Secret, List<string> Recovery)> AddAppAsync(TestBrowser browser)
    {
        await BeginStepAsync();
        var (status, app) = await PostAsync(browser, "api/v1/me/authenticator", new { });
        Assert.Equal(201, status);
        var secret = Base32Encoding.ToBytes(app.GetProperty("secret").GetString());
        (status, var codes) = await PostAsync(
            browser, "api/v1/me/authenticator/confirm", new { code = CodeOf(secret, -1) });
        Assert.Equal(200, status);
        return (secret, [.. codes.GetProperty("recoveryCodes").EnumerateArray().Select(code => code.GetString()!)]);
    }

    /// <summary>Adds a passkey to a user's account.</summary>
    internal static async Task<TestPasskey> AddPasskeyAsync(TestBrowser browser)
    {
        var passkey = new TestPasskey(browser.Origin);
        var (status, question) = await PostAsync(browser, "api/v1/me/passkeys/options", new { });
        Assert.Equal(200, status);
        (status, var answer) = await PostAsync(browser, "api/v1/me/passkeys", new JsonObject
        {
            ["ticket"] = question.GetProperty("ticket").GetString(),
            ["name"] = "phone",
            ["credential"] = passkey.Make(question.GetProperty("options")),
        });
        Assert.True(status == 204, $"{status} {answer}");
        return passkey;
    }

    /// <summary>
    /// The code that an app shows, whose clock is some steps ahead or behind: one of each is accepted, each code once.
    /// </summary>
    internal string CodeOf(byte[] secret, int steps = 0) =>
        new Totp(secret).ComputeTotp((Now + (Step * steps)).UtcDateTime);

    private DateTimeOffset Now => (Clock ?? TimeProvider.System).GetUtcNow();

    /// <summary>Waits for a moment after which the codes of apps stay the same for a test.</summary>
    internal async Task BeginStepAsync()
    {
        var left = Step - new TimeSpan(Now.UtcTicks % Step.Ticks);
        if (Clock is not null) Clock.Advance(left);
        else if (left < Step / 5) await Task.Delay(left, Stop);
    }
}

/// <summary>The tests that share the registry.</summary>
[CollectionDefinition(Name)]
public sealed class SecondFactorTestsOfOneRegistry : ICollectionFixture<SecondFactorRegistry>
{
    public const string Name = "second factors";
}
