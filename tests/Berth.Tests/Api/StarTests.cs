using Berth.Tests.Cli;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Api;

/// <summary>Repositories that users want to find again.</summary>
[Collection(ApiTests.Name)]
public sealed class StarTests(ApiRegistry api)
{
    [Fact]
    public async Task A_user_stars_what_they_may_pull_from_and_finds_it_again()
    {
        var user = await api.UserAsync();
        var (one, two) = (await MakeAsync(isPublic: true), await MakeAsync(isPublic: true));
        (await api.AskAsync("ann", "PATCH", $"/repositories/{one}", """{"description":"Pages"}""")).Is(200);
        foreach (var name in new[] { two, one, one }) (await api.AskAsync(user, "PUT", $"/stars/{name}")).Is(204);
        (await api.AskAsync("bob", "PUT", $"/stars/{one}")).Is(204);
        var list = (await api.AskAsync(user, "GET", "/stars")).Is(200);
        Assert.Equal([one, two], list.All("repository"));
        Assert.Equal(["2", "1"], list.All("stars"));
        Assert.Equal("Pages", list.Json.GetProperty("items")[0].Of("description"));
        Assert.Equal("True", (await api.AskAsync(user, "GET", $"/repositories/{one}")).Of("isStarred"));
        var other = await api.AskAsync("ann", "GET", $"/repositories/{one}");
        Assert.Equal(("False", "2"), (other.Of("isStarred"), other.Of("stars")));
        Assert.Equal("False", (await api.AskAsync(null, "GET", $"/repositories/{one}")).Of("isStarred"));

        var first = (await api.AskAsync(user, "GET", "/stars?n=1")).Is(200);
        Assert.Equal([one], first.All("repository"));
        var next = first.Headers["Link"].Split('<', '>')[1];
        Assert.Equal([two], (await api.AskAsync(user, "GET", next)).Is(200).All("repository"));

        foreach (var _ in new[] { 1, 2 }) (await api.AskAsync(user, "DELETE", $"/stars/{one}")).Is(204);
        Assert.Equal([two], (await api.AskAsync(user, "GET", "/stars")).Is(200).All("repository"));
        Assert.Equal("1", (await api.AskAsync(user, "GET", $"/repositories/{one}")).Of("stars"));
    }

    [Fact]
    public async Task Nobody_learns_of_a_repository_by_a_star()
    {
        var user = await api.UserAsync();
        var (hidden, absent) = (await MakeAsync(isPublic: false), $"acme/{api.Name("r")}");
        foreach (var method in new[] { "PUT", "DELETE" })
        {
            Assert.Equal(
                (await api.AskAsync(user, method, $"/stars/{absent}")).Is(404, "no such repository").Text,
                (await api.AskAsync(user, method, $"/stars/{hidden}")).Is(404).Text);
        }

        // What was public once is not listed any more, nor counted among those of a page.
        (await api.AskAsync("ann", "PATCH", $"/repositories/{hidden}", """{"isPublic":true}""")).Is(200);
        (await api.AskAsync(user, "PUT", $"/stars/{hidden}")).Is(204);
        var later = await MakeAsync(isPublic: true);
        (await api.AskAsync(user, "PUT", $"/stars/{later}")).Is(204);
        (await api.AskAsync("ann", "PATCH", $"/repositories/{hidden}", """{"isPublic":false}""")).Is(200);
        var list = (await api.AskAsync(user, "GET", "/stars?n=1")).Is(200);
        Assert.Equal([later], list.All("repository"));
        Assert.False(list.Headers.ContainsKey("Link"));
    }

    [Fact]
    public async Task Only_users_star_and_with_credentials_that_are_not_limited()
    {
        var name = await MakeAsync(isPublic: true);
        (await api.AskAsync(null, "PUT", $"/stars/{name}")).Is(401);
        var robot = (await api.AskAsync(
            "ann", "POST", "/robots", $$"""{"name":"{{api.Name("robot.r")}}","namespace":"acme"}""")).Is(201);
        (await api.AskAsync(robot.Of("secret"), "PUT", $"/stars/{name}")).Is(403);
        var token = (await api.AskAsync("bob", "POST", "/me/tokens", """{"name":"ci","actions":["pull"]}""")).Is(201);
        (await api.AskAsync(token.Of("secret"), "PUT", $"/stars/{name}")).Is(403);
        Assert.Equal("0", (await api.AskAsync("bob", "GET", $"/repositories/{name}")).Of("stars"));
    }

    [Fact]
    public async Task A_star_is_changed_only_as_it_was_seen()
    {
        var name = await MakeAsync(isPublic: true);
        (await api.AskAsync("bob", "PUT", $"/stars/{name}", match: "*")).Is(412);
        (await api.AskAsync("bob", "PUT", $"/stars/{name}")).Is(204);
        (await api.AskAsync("bob", "PUT", $"/stars/{name}", match: "\"1\"")).Is(204);
        (await api.AskAsync("bob", "DELETE", $"/stars/{name}", match: "\"2\"")).Is(412);
        Assert.Equal("1", (await api.AskAsync("bob", "GET", $"/repositories/{name}")).Of("stars"));
        (await api.AskAsync("bob", "DELETE", $"/stars/{name}", match: "\"1\"")).Is(204);
        Assert.Equal("0", (await api.AskAsync("bob", "GET", $"/repositories/{name}")).Of("stars"));
    }

    [Fact]
    public async Task The_stars_of_a_user_go_with_the_user()
    {
        var user = await api.UserAsync();
        var name = await MakeAsync(isPublic: true);
        foreach (var who in new[] { user, "bob" }) (await api.AskAsync(who, "PUT", $"/stars/{name}")).Is(204);
        Assert.Equal("2", (await api.AskAsync("bob", "GET", $"/repositories/{name}")).Of("stars"));
        (await api.AskAsync("admin", "DELETE", $"/users/{user}")).Is(204);
        var shown = await api.AskAsync("bob", "GET", $"/repositories/{name}");
        Assert.Equal(("1", "True"), (shown.Of("stars"), shown.Of("isStarred")));
    }

    [Fact]
    public async Task The_commands_star_and_list()
    {
        var user = await api.UserAsync();
        var name = await MakeAsync(isPublic: true);
        var command = new AccountCommand(api.Registry);
        Task<CommandResult> Run(params string[] arguments) =>
            command.AskAsync(user, ApiRegistry.Password, arguments);
        (await Run("stars", "add", name)).Is(0);
        Assert.Contains($"\n{name} ", (await Run("stars")).Is(0).Output);
        Assert.Contains($"\"repository\":\"{name}\"", (await Run("stars", "list", "--json")).Is(0).Output);
        (await Run("stars", "remove", name)).Is(0);
        Assert.DoesNotContain(name, (await Run("stars", "list")).Is(0).Output);
        Assert.Contains("no such repository", (await Run("stars", "add", "acme/nothing")).Is(1).Errors);

        // The operator has no account.
        Assert.Contains("no account", (await command.RunAsync("stars")).Is(1).Errors);
    }

    private async Task<string> MakeAsync(bool isPublic)
    {
        var name = $"acme/{api.Name("r")}";
        (await api.AskAsync(
            "ann", "POST", "/repositories",
            $$"""{"name":"{{name}}","isPublic":{{(isPublic ? "true" : "false")}}}""")).Is(201);
        return name;
    }
}
