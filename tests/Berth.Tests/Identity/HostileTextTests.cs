using System.Net.Http.Headers;
using System.Text;
using static Berth.Tests.Identity.SecondFactorRegistry;

namespace Berth.Tests.Identity;

/// <summary>
/// Texts that are no Unicode, or that a database does not take, wherever somebody signs in: they are wrong, and never
/// an unexpected error.
/// </summary>
[Collection(SecondFactorTestsOfOneRegistry.Name)]
public sealed class HostileTextTests(SecondFactorRegistry factors)
{
    /// <summary>A NUL; half a character; no UTF-8; what changes how a line looks; much nesting.</summary>
    private static readonly byte[][] Texts =
    [
        "\"\\u0000\""u8.ToArray(), "\"\\ud800\""u8.ToArray(), [.. "\"a"u8, 0xff, .. "\""u8],
        "\"\\u202e\\u001b[2K\\r\\n\""u8.ToArray(), "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"u8.ToArray(),
        "null"u8.ToArray(),
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("auth/password", "name", "password")]
    [InlineData("auth/password", "password", "name")]
    [InlineData("auth/second-factor", "ticket", "code")]
    [InlineData("auth/second-factor", "code", "ticket")]
    [InlineData("auth/passkeys", "ticket", "return")]
    [InlineData("auth/passkeys", "credential", "ticket")]
    [InlineData("auth/passkeys/options", "ticket", "return")]
    [InlineData("auth/register", "name", "password")]
    [InlineData("auth/register", "fullName", "password")]
    [InlineData("auth/register", "email", "password")]
    public async Task What_is_no_text_is_wrong_in_every_field(string path, string field, string other)
    {
        foreach (var text in Texts)
        {
            using var content = new ByteArrayContent(
            [
                .. Encoding.UTF8.GetBytes($$"""{"{{other}}":"a good password","{{field}}":"""), .. text, .. "}"u8,
            ]);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var answer = await factors.Registry.Client.PostAsync(path, content, Stop);
            Assert.True((int)answer.StatusCode < 500, $"{answer.StatusCode} for {Encoding.Latin1.GetString(text)}");
        }
    }

    [Fact]
    public async Task A_NUL_is_wrong_in_queries_and_forms_of_those_who_are_signed_in()
    {
        using var browser = await factors.SignInAsync("admin");
        foreach (var path in new[]
        {
            "api/v1/grants?namespace=%00", "api/v1/grants?user=%00", "api/v1/grants?robot=%00",
            "api/v1/grants?team=%00", "api/v1/robots?namespace=%00", "api/v1/users?last=%00",
            "api/v1/audit?actor=%00&action=%00", "api/v1/access/explain?user=%00&repository=%00",
            "api/v1/access/explain?user=a%00&repository=a/b", "auth/device?code=%00", "auth/sign-in?return=%00",
        })
        {
            using var answer = await browser.GetAsync(path);
            Assert.True((int)answer.StatusCode < 500, $"{answer.StatusCode} for {path}");
        }

        foreach (var action in new[] { "confirm", "remove-passkey", "unlink", "\0" })
        {
            using var form = new FormUrlEncodedContent(
            [
                new("action", action), new("code", "\0"), new("passkey", "\0"), new("source", "\0"),
                new("subject", "\0"),
            ]);
            using var answer = await browser.SendAsync("auth/account", form, browser.Origin);
            Assert.True((int)answer.StatusCode < 500, $"{answer.StatusCode} for {action}");
        }

        using var request = new HttpRequestMessage(
            HttpMethod.Get, "token?offline_token=true&client_id=%00&service=%00&account=%00&scope=%00");
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{Password}")));
        using var token = await factors.Registry.Client.SendAsync(request, Stop);
        Assert.True((int)token.StatusCode < 500, $"{token.StatusCode}");
    }
}
