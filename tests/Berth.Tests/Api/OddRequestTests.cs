using Berth.Metadata;

namespace Berth.Tests.Api;

/// <summary>Paths and bodies that are not what they seem.</summary>
[Collection(ApiTests.Name)]
public sealed class OddRequestTests(ApiRegistry api)
{
    /// <summary>A proxy that looks at paths sees another one than a server that resolves dots.</summary>
    [Theory]
    [InlineData("DELETE", "/api/v1/users/{0}/tokens/%2e%2e")]
    [InlineData("DELETE", "/api/v1/users/{0}/tokens/..")]
    [InlineData("DELETE", "/api/v1/users/{0}/.")]
    [InlineData("DELETE", "/auth/%2E%2E/api/v1/users/{0}")]
    [InlineData("DELETE", "/healthz/../api/v1/users/{0}")]
    [InlineData("GET", "/auth/../api/v1/users")]
    [InlineData("GET", "/v2/../api/v1/users")]
    [InlineData("GET", "/x/../token")]
    public async Task Dots_are_not_resolved(string method, string path)
    {
        var user = await api.UserAsync();
        using var connection = await RawConnection.OpenAsync(api.Registry);
        await connection.SendAsync(
            $"{method} {path.Replace("{0}", user, StringComparison.Ordinal)} HTTP/1.1\r\nHost: x\r\n"
            + $"Authorization: {Access.AccountsOf.Basic("admin", ApiRegistry.Password)}\r\nConnection: close\r\n\r\n");
        Assert.Matches("^HTTP/1.1 40[04] ", (await connection.ReadAnswerAsync()).Head);
        (await api.AskAsync("admin", "GET", $"/users/{user}")).Is(200);
    }

    [Fact]
    public async Task A_slash_in_a_name_may_be_escaped()
    {
        var name = $"acme/{api.Name()}/x";
        await api.MakeAsync("/repositories", $$"""{"name":"{{name}}"}""");
        foreach (var path in new[] { name, name.Replace("/", "%2F"), name.Replace("/", "%2f") })
            Assert.Equal(name, (await api.AskAsync("ann", "GET", $"/repositories/{path}")).Is(200).Of("name"));
        (await api.AskAsync("eve", "GET", $"/repositories/{name.Replace("/", "%2F")}")).Is(404);
        (await api.AskAsync("ann", "PATCH", $"/repositories/{name.Replace("/", "%2F")}", """{"isPublic":true}"""))
            .Is(200);
    }

    [Theory]
    [InlineData("POST", "/me/tokens", """{"name":"x","names":[null]}""")]
    [InlineData("POST", "/robots", """{"name":"robot.null","namespace":"acme","grants":[null]}""")]
    [InlineData("POST", "/robots", """{"name":"robot.null","namespace":"acme","grants":[{"names":null}]}""")]
    [InlineData("POST", "/grants", """{"user":"bob","names":"acme/x","actions":[null]}""")]
    public async Task A_null_in_a_list_is_refused(string method, string path, string body) =>
        (await api.AskAsync("ann", method, path, body)).Is(400);

    [Fact]
    public async Task Rotation_makes_no_more_tokens_than_a_user_may_have()
    {
        var user = await api.UserAsync();
        var first = (await api.AskAsync(user, "POST", "/me/tokens", """{"name":"first"}""")).Is(201).Of("token.id");
        for (var i = 1; i < TokenKinds.MaxPersonal; i++)
            (await api.AskAsync(user, "POST", "/me/tokens", """{"name":"more"}""")).Is(201);
        (await api.AskAsync(user, "POST", $"/me/tokens/{first}/rotate", """{"overlapSeconds":60}""")).Is(409);
        (await api.AskAsync(user, "POST", $"/me/tokens/{first}/rotate", """{"overlapSeconds":0}""")).Is(201);
    }
}
