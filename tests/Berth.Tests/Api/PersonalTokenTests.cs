using System.Globalization;

namespace Berth.Tests.Api;

/// <summary>Personal tokens.</summary>
[Collection(ApiTests.Name)]
public sealed class PersonalTokenTests(ApiRegistry api)
{
    [Fact]
    public async Task A_token_stands_for_its_user_until_it_is_revoked()
    {
        var user = await api.UserAsync();
        var made = (await api.AskAsync(user, "POST", "/me/tokens", """{"name":"laptop"}""")).Is(201);
        var (secret, id) = (made.Of("secret"), made.Of("token.id"));
        Assert.EndsWith(made.Of("token.hint"), secret);
        Assert.Equal(user, (await api.AskAsync(secret, "GET", "/me")).Is(200).Of("name"));
        Assert.Equal(user, (await api.AskAsync($"{user}:{secret}", "GET", "/me")).Is(200).Of("name"));
        var list = (await api.AskAsync(secret, "GET", "/me/tokens")).Is(200);
        Assert.Equal(["laptop"], list.All());
        Assert.DoesNotContain(secret, list.Text);
        Assert.Equal(["laptop"], (await api.AskAsync("aud", "GET", $"/users/{user}/tokens")).Is(200).All());
        (await api.AskAsync("eve", "DELETE", $"/me/tokens/{id}")).Is(404, "no such token");
        (await api.AskAsync(user, "DELETE", $"/me/tokens/{id}")).Is(204);
        (await api.AskAsync(secret, "GET", "/me")).Is(401);
    }

    [Fact]
    public async Task An_administrator_makes_and_revokes_a_token_for_a_user()
    {
        var user = await api.UserAsync();
        var made = (await api.AskAsync("admin", "POST", $"/users/{user}/tokens", """{"name":"ci"}""")).Is(201);
        Assert.Equal(user, (await api.AskAsync(made.Of("secret"), "GET", "/me")).Is(200).Of("name"));
        Assert.Equal("admin", made.Of("token.createdBy"));
        (await api.AskAsync("admin", "DELETE", $"/users/{user}/tokens/{made.Of("token.id")}")).Is(204);
        (await api.AskAsync(made.Of("secret"), "GET", "/me")).Is(401);
        (await api.AskAsync("admin", "POST", "/users/nobody/tokens", """{"name":"ci"}""")).Is(404);
    }

    [Fact]
    public async Task Rotation_leaves_the_old_secret_for_a_while_or_not_at_all()
    {
        var user = await api.UserAsync();
        var first = (await api.AskAsync(
            user, "POST", "/me/tokens", """{"name":"ci","actions":["pull"],"names":["acme/*","x/**"]}""")).Is(201);
        var second = (await api.AskAsync(
            user, "POST", $"/me/tokens/{first.Of("token.id")}/rotate", """{"overlapSeconds":600}""")).Is(201);
        Assert.Equal(["acme/*", "x/**"], second.Json.GetProperty("token").GetProperty("names").EnumerateArray()
            .Select(name => name.GetString()));
        foreach (var made in new[] { first, second }) (await api.AskAsync(made.Of("secret"), "GET", "/me")).Is(200);
        var third = (await api.AskAsync(
            user, "POST", $"/me/tokens/{second.Of("token.id")}/rotate", "{}")).Is(201);
        (await api.AskAsync(second.Of("secret"), "GET", "/me")).Is(401);
        (await api.AskAsync(third.Of("secret"), "GET", "/me")).Is(200);
        (await api.AskAsync(first.Of("secret"), "GET", "/me")).Is(200);
        (await api.AskAsync(user, "POST", "/me/tokens/4711/rotate", "{}")).Is(404);
        (await api.AskAsync(user, "POST", $"/me/tokens/{third.Of("token.id")}/rotate", """{"overlapSeconds":-1}"""))
            .Is(400, "overlapSeconds");
    }

    [Fact]
    public async Task A_token_makes_none_that_outlives_it()
    {
        var user = await api.UserAsync();
        var end = DateTimeOffset.Parse("2099-01-01T00:00:00Z", CultureInfo.InvariantCulture);
        var secret = (await api.AskAsync(
            user, "POST", "/me/tokens", $$"""{"name":"a","expiresAt":"{{end:o}}"}""")).Is(201).Of("secret");
        (await api.AskAsync(secret, "POST", "/me/tokens", """{"name":"b"}""")).Is(403, "must expire by");
        (await api.AskAsync(secret, "POST", "/me/tokens", $$"""{"name":"b","expiresAt":"{{end.AddDays(1):o}}"}"""))
            .Is(403);
        (await api.AskAsync(secret, "POST", "/me/tokens", $$"""{"name":"b","expiresAt":"{{end:o}}"}""")).Is(201);
    }

    [Theory]
    [InlineData("""{"name":""}""", "name is empty")]
    [InlineData("""{"name":"x","actions":[]}""", "actions are one or more")]
    [InlineData("""{"name":"x","actions":["fly"]}""", "actions are one or more")]
    [InlineData("""{"name":"x","names":["A"]}""", "is not a valid pattern")]
    [InlineData("""{"name":"x","names":[]}""", "at least one")]
    [InlineData("""{"name":"x","expiresAt":"2001-01-01T00:00:00Z"}""", "in the past")]
    [InlineData("""{"name":"x","expiresAt":"soon"}""", "at expiresAt")]
    public async Task What_can_not_be_a_token_is_refused(string body, string words) =>
        (await api.AskAsync("eve", "POST", "/me/tokens", body)).Is(400, words);
}
