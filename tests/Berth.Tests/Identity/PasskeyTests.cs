using System.Buffers.Text;
using System.Formats.Cbor;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>Passkeys, from devices that do as they should and others.</summary>
[Accounts]
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class PasskeyTests(SecondFactorRegistry factors)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_passkey_signs_in_alone_and_the_password_does_not_any_more()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        using var passkey = await AddPasskeyAsync(browser);
        Assert.Equal(401, await factors.AskAsync(user, HttpMethod.Get, "me"));
        using var other = new TestBrowser(factors.Registry);
        Assert.Equal(200, await SignInAsync(other, passkey));
        Assert.Equal(user, await other.WhoAsync());
        using var list = await other.GetAsync("api/v1/me/second-factors");
        var shown = JsonDocument.Parse(await list.Content.ReadAsStringAsync(Stop)).RootElement
            .GetProperty("passkeys")[0];
        Assert.Equal("phone", shown.GetProperty("name").GetString());
        Assert.True(shown.TryGetProperty("usedAt", out _));

        var (status, _) = await PostAsync(
            other, "api/v1/me/passkeys/" + shown.GetProperty("id").GetString(), new { }, HttpMethod.Delete);
        Assert.Equal(204, status);
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
        using var late = new TestBrowser(factors.Registry);
        Assert.Equal(401, await SignInAsync(late, passkey));
    }

    [Fact]
    public async Task A_passkey_is_the_second_step_after_a_password_for_its_own_user()
    {
        var (ann, bob) = (await factors.UserAsync(), await factors.UserAsync());
        using var browser = await factors.SignInAsync(ann);
        using var annsKey = await AddPasskeyAsync(browser);
        using var other = await factors.SignInAsync(bob);
        using var bobsKey = await AddPasskeyAsync(other);
        using var third = new TestBrowser(factors.Registry);
        var (status, step) = await PostAsync(third, "auth/password", new { name = ann, password = Password });
        Assert.Equal(200, status);
        Assert.True(step.GetProperty("hasPasskeys").GetBoolean());
        var ticket = step.GetProperty("ticket").GetString()!;
        Assert.Equal(401, await SignInAsync(third, bobsKey, ticket));
        Assert.Equal(200, await SignInAsync(third, annsKey, ticket));
        Assert.Equal(ann, await third.WhoAsync());
    }

    [Fact]
    public async Task An_answer_is_good_once()
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        using var passkey = await AddPasskeyAsync(browser);
        using var other = new TestBrowser(factors.Registry);
        var (_, question) = await PostAsync(other, "auth/passkeys/options", new { });
        var answer = AnswerTo(question, passkey);
        Assert.Equal(200, (await PostAsync(other, "auth/passkeys", answer.DeepClone())).Status);
        other.ForgetCookies();
        Assert.Equal(401, (await PostAsync(other, "auth/passkeys", answer.DeepClone())).Status);
        Assert.Null(other.SessionCookie);
    }

    [Theory]
    [InlineData("origin")]
    [InlineData("host")]
    [InlineData("nobody present")]
    [InlineData("not verified")]
    [InlineData("challenge")]
    [InlineData("handle")]
    [InlineData("count")]
    [InlineData("signature")]
    [InlineData("deep")]
    [InlineData("short")]
    [InlineData("id")]
    [InlineData("nul")]
    [InlineData("nothing")]
    public async Task An_answer_that_is_wrong_signs_nobody_in(string what)
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        using var passkey = await AddPasskeyAsync(browser);
        using var other = new TestBrowser(factors.Registry);
        passkey.Count = 5;
        Assert.Equal(200, await SignInAsync(other, passkey));
        other.ForgetCookies();
        passkey.Count = what == "count" ? 5u : 6u;
        Lie(passkey, what);
        var (_, question) = await PostAsync(other, "auth/passkeys/options", new { });
        var answer = AnswerTo(question, passkey, what == "challenge" ? Base64Url.EncodeToString(new byte[32]) : null);
        var credential = (JsonObject)answer["credential"]!;
        var response = (JsonObject)credential["response"]!;
        switch (what)
        {
            case "signature": response["signature"] = Base64Url.EncodeToString(new byte[70]); break;
            case "short": response["authenticatorData"] = "AAAA"; break;
            case "id": credential["id"] = Base64Url.EncodeToString(new byte[32]); break;
            case "nul": credential["id"] = "a\0b"; break;
            case "nothing": answer["credential"] = new JsonObject(); break;
        }

        Assert.Equal(401, (await PostAsync(other, "auth/passkeys", answer)).Status);
        Assert.Null(other.SessionCookie);
    }

    [Theory]
    [InlineData("origin")]
    [InlineData("host")]
    [InlineData("nobody present")]
    [InlineData("not verified")]
    [InlineData("challenge")]
    [InlineData("ed25519")]
    [InlineData("other algorithm")]
    [InlineData("attestation")]
    [InlineData("deep")]
    [InlineData("rubbish")]
    public async Task A_device_that_answers_wrongly_is_not_added(string what)
    {
        var user = await factors.UserAsync();
        using var browser = await factors.SignInAsync(user);
        using var passkey = new TestPasskey(browser.Origin);
        Lie(passkey, what);
        if (what == "ed25519") passkey.Algorithm = -8;
        if (what == "other algorithm") passkey.Algorithm = -35;
        if (what == "attestation") passkey.Format = "packed";
        var (_, question) = await PostAsync(browser, "api/v1/me/passkeys/options", new { });
        var credential = passkey.Make(
            question.GetProperty("options"),
            what == "challenge" ? Base64Url.EncodeToString(new byte[32]) : null);
        var response = (JsonObject)credential["response"]!;
        if (what == "deep") response["attestationObject"] = Base64Url.EncodeToString(Deep());
        if (what == "rubbish") response["attestationObject"] = "AAAA";
        var body = new JsonObject
        {
            ["ticket"] = question.GetProperty("ticket").GetString(),
            ["name"] = "x",
            ["credential"] = credential,
        };
        Assert.Equal(400, (await PostAsync(browser, "api/v1/me/passkeys", body)).Status);
        Assert.Equal(200, await factors.AskAsync(user, HttpMethod.Get, "me"));
    }

    [Fact]
    public async Task A_passkey_is_added_once_and_with_the_ticket_of_its_user()
    {
        var (ann, bob) = (await factors.UserAsync(), await factors.UserAsync());
        using var browser = await factors.SignInAsync(ann);
        using var other = await factors.SignInAsync(bob);
        using var passkey = new TestPasskey(browser.Origin);
        var (_, question) = await PostAsync(browser, "api/v1/me/passkeys/options", new { });
        var body = new JsonObject
        {
            ["ticket"] = question.GetProperty("ticket").GetString(),
            ["name"] = "x",
            ["credential"] = passkey.Make(question.GetProperty("options")),
        };
        Assert.Equal(400, (await PostAsync(other, "api/v1/me/passkeys", body.DeepClone())).Status);
        Assert.Equal(204, (await PostAsync(browser, "api/v1/me/passkeys", body.DeepClone())).Status);
        Assert.Equal(400, (await PostAsync(browser, "api/v1/me/passkeys", body.DeepClone())).Status);
        body["name"] = "";
        Assert.Equal(400, (await PostAsync(browser, "api/v1/me/passkeys", body)).Status);
    }

    /// <summary>Signs in with a passkey, alone or after a password.</summary>
    internal static async Task<int> SignInAsync(TestBrowser browser, TestPasskey passkey, string ticket = "")
    {
        var (status, question) = await PostAsync(browser, "auth/passkeys/options", new { ticket });
        Assert.Equal(200, status);
        (status, _) = await PostAsync(browser, "auth/passkeys", AnswerTo(question, passkey));
        Assert.Equal(status == 200, browser.SessionCookie is not null);
        return status;
    }

    internal static JsonObject AnswerTo(JsonElement question, TestPasskey passkey, string? challenge = null) => new()
    {
        ["ticket"] = question.GetProperty("ticket").GetString(),
        ["credential"] = passkey.Sign(question.GetProperty("options"), challenge),
    };

    private static void Lie(TestPasskey passkey, string what)
    {
        switch (what)
        {
            case "origin": passkey.Origin = "https://evil.example.com"; break;
            case "host": passkey.Host = "evil.example.com"; break;
            case "nobody present": passkey.Flags = 0b100; break;
            case "not verified": passkey.Flags = 0b001; break;
            case "handle": passkey.Handle = "berth-1"u8.ToArray(); break;
            case "deep": passkey.Extensions = Deep(); break;
        }
    }

    /// <summary>Arrays in arrays, as deep as a field may be long: too deep for a reader that calls itself.</summary>
    private static byte[] Deep()
    {
        var writer = new CborWriter();
        const int levels = 2900;
        for (var i = 0; i < levels; i++) writer.WriteStartArray(1);
        writer.WriteInt32(0);
        for (var i = 0; i < levels; i++) writer.WriteEndArray();
        return writer.Encode();
    }
}
