using Berth.Api;
using Berth.Pages;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Api;

/// <summary>Changes that are only made to what somebody has seen.</summary>
[Inside]
[Collection(ApiTests.Name)]
public sealed class ConditionTests(ApiRegistry api)
{
    private const string Other = "\"99\"";

    /// <summary>These make something new, or ask: there is nothing yet that could have been changed.</summary>
    private static readonly string[] Unconditional =
    [
        "/api/v1/access/explain", "/api/v1/backups", "/api/v1/backups/verification", "/api/v1/garbage-collections",
        "/api/v1/grants",
        "/api/v1/imports", "/api/v1/invitations", "/api/v1/keyless-rules",
        "/api/v1/me/passkeys/options", "/api/v1/me/tokens", "/api/v1/organizations",
        "/api/v1/organizations/{organization}/teams", "/api/v1/organizations/{organization}/teams/{team}/groups",
        "/api/v1/policies", "/api/v1/policies/plan",
        "/api/v1/repositories", "/api/v1/repositories/copies", "/api/v1/repositories/moves",
        "/api/v1/retention/runs", "/api/v1/robots", "/api/v1/search/rebuilds",
        "/api/v1/tag-rules", "/api/v1/tag-rules/plan", "/api/v1/trash/empty", "/api/v1/users",
        "/api/v1/users/{name}/identities",
        "/api/v1/users/{name}/tokens", "/api/v1/vulnerabilities/updates",
        "/api/v1/waivers",
    ];

    [Fact]
    public void Every_route_that_changes_something_takes_a_condition()
    {
        var routes = api.Registry.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<RequiredRight>() is { Right: not ApiRight.Everyone });
        var without =
            from route in routes
            where route.Metadata.GetMetadata<TakesVersion>() is null
                && route.Metadata.GetMetadata<PageAddress>() is null
            from method in route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
            where method is not ("GET" or "HEAD")
            select $"{method} /{route.RoutePattern.RawText!.TrimStart('/')}";
        Assert.Equal(
            Unconditional.Select(path => $"POST {path}").Order(StringComparer.Ordinal),
            without.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_repository_is_changed_only_as_it_was_seen()
    {
        var path = $"/repositories/ann/{api.Name("r")}";
        await api.MakeAsync("/repositories", $$"""{"name":"{{path["/repositories/".Length..]}}"}""");
        var seen = (await api.AskAsync("ann", "GET", path)).Is(200).Headers["ETag"];
        (await api.AskAsync("ann", "PATCH", path, """{"isPublic":true}""", Other)).Is(412);
        var changed = (await api.AskAsync("ann", "PATCH", path, """{"isPublic":true}""", seen)).Is(200);
        Assert.NotEqual(seen, changed.Headers["ETag"]);
        (await api.AskAsync("ann", "PATCH", path, """{"isPublic":false}""", seen)).Is(412);
        Assert.Equal("True", (await api.AskAsync("ann", "GET", path)).Is(200).Of("isPublic"));
        var either = $"{seen}, {changed.Headers["ETag"]}";
        (await api.AskAsync("ann", "PATCH", path, """{"isPublic":false}""", either)).Is(200);
        (await api.AskAsync("ann", "PATCH", path, """{"isPublic":true}""", "*")).Is(200);
    }

    [Fact]
    public async Task Members_of_organizations_and_teams_are_changed_only_as_they_were_seen()
    {
        var (organization, user) = (await api.OrganizationAsync("ann"), await api.UserAsync());
        var path = $"/organizations/{organization}/members/{user}";
        Task<ApiResult> Put(string role, string? match) =>
            api.AskAsync("ann", "PUT", path, $$"""{"role":"{{role}}"}""", match);
        (await Put("reader", "*")).Is(412);
        (await api.AskAsync("ann", "GET", path)).Is(404, "no such member");
        var added = (await Put("reader", null)).Is(200).Headers["ETag"];
        Assert.Equal(added, (await api.AskAsync("ann", "GET", path)).Is(200).Headers["ETag"]);
        (await Put("owner", Other)).Is(412);
        (await Put("writer", added)).Is(200);
        (await api.AskAsync("ann", "DELETE", path, match: added)).Is(412);
        Assert.Equal("writer", (await api.AskAsync("ann", "GET", path)).Is(200).Of("role"));
        (await api.AskAsync("bob", "GET", path)).Is(404, "no such organization");

        var team = $"/organizations/{organization}/teams/t";
        await api.MakeAsync($"/organizations/{organization}/teams", """{"name":"t"}""");
        (await api.AskAsync("ann", "PUT", $"{team}/members/{user}", match: "*")).Is(412);
        (await api.AskAsync("ann", "PUT", $"{team}/members/{user}")).Is(204);
        (await api.AskAsync("ann", "PUT", $"{team}/members/{user}", match: Other)).Is(412);
        (await api.AskAsync("ann", "DELETE", $"{team}/members/{user}", match: Other)).Is(412);
        (await api.AskAsync("ann", "DELETE", $"{team}/members/{user}", match: "\"1\"")).Is(204);
        (await api.AskAsync("ann", "POST", $"{team}/groups", """{"source":"ldap","name":"g"}""")).Is(204);
        (await api.AskAsync("ann", "DELETE", $"{team}/groups/ldap/g", match: Other)).Is(412);
        (await api.AskAsync("ann", "DELETE", $"{team}/groups/ldap/g", match: "\"1\"")).Is(204);
    }

    [Fact]
    public async Task Secrets_are_replaced_only_as_they_were_seen()
    {
        var name = api.Name("robot.r");
        await api.MakeAsync("/robots", $$"""{"name":"{{name}}","namespace":"acme"}""");
        Task<ApiResult> Rotate(string? match) => api.AskAsync("ann", "POST", $"/robots/{name}/rotate", "{}", match);
        (await Rotate(Other)).Is(412);
        Assert.Equal("\"2\"", (await Rotate("\"1\"")).Is(201).Headers["ETag"]);
        (await Rotate("\"1\"")).Is(412);

        var user = await api.UserAsync();
        var made = (await api.AskAsync(user, "POST", "/me/tokens", """{"name":"ci"}""")).Is(201);
        var path = $"/me/tokens/{made.Of("token.id")}";
        var seen = (await api.AskAsync(user, "GET", path)).Is(200);
        Assert.Equal((made.Headers["ETag"], "ci"), (seen.Headers["ETag"], seen.Of("name")));
        (await api.AskAsync("bob", "GET", path)).Is(404, "no such token");
        (await api.AskAsync("aud", "GET", $"/users/{user}/tokens/{made.Of("token.id")}")).Is(200);
        (await api.AskAsync(user, "POST", $"{path}/rotate", """{"overlapSeconds":60}""", Other)).Is(412);
        (await api.AskAsync(user, "POST", $"{path}/rotate", """{"overlapSeconds":60}""", seen.Headers["ETag"])).Is(201);
        (await api.AskAsync(user, "DELETE", path, match: seen.Headers["ETag"])).Is(412);
        (await api.AskAsync(made.Of("secret"), "DELETE", "/me/tokens/current", match: Other)).Is(412);
        (await api.AskAsync(user, "DELETE", path, match: "*")).Is(204);
    }

    [Fact]
    public async Task What_is_only_made_and_removed_has_one_version()
    {
        var user = await api.UserAsync();
        var grant = (await api.AskAsync(
            "ann", "POST", "/grants", $$"""{"user":"{{user}}","names":"acme/x","role":"reader"}""")).Is(201);
        Assert.Equal("\"1\"", grant.Headers["ETag"]);
        (await api.AskAsync("ann", "DELETE", $"/grants/{grant.Of("id")}", match: Other)).Is(412);
        (await api.AskAsync("ann", "DELETE", $"/grants/{grant.Of("id")}", match: "\"1\"")).Is(204);

        var invitation = (await api.AskAsync("admin", "POST", "/invitations", "{}")).Is(201);
        var path = $"/invitations/{invitation.Of("invitation.id")}";
        (await api.AskAsync("admin", "DELETE", path, match: Other)).Is(412);
        (await api.AskAsync("admin", "DELETE", path, match: invitation.Headers["ETag"])).Is(204);
        (await api.AskAsync("admin", "DELETE", path, match: "*")).Is(404);
    }

    [Fact]
    public async Task A_user_changes_what_they_sign_in_with_only_as_they_saw_it()
    {
        var user = await api.UserAsync();
        var password = $$"""{"current":"{{ApiRegistry.Password}}","new":"another one {{user}}"}""";
        (await api.AskAsync(user, "PUT", "/me/password", password, Other)).Is(412);
        (await api.AskAsync(user, "DELETE", "/me/sessions", match: Other)).Is(412);
        (await api.AskAsync("admin", "DELETE", $"/users/{user}/sessions", match: Other)).Is(412);
        var factors = (await api.AskAsync(user, "GET", "/me/second-factors")).Is(200).Headers["ETag"];
        foreach (var (method, path, body) in new[]
        {
            ("POST", "/me/authenticator", null), ("POST", "/me/authenticator/confirm", """{"code":"1"}"""),
            ("DELETE", "/me/authenticator", null), ("POST", "/me/recovery-codes", null),
            ("POST", "/me/passkeys", """{"ticket":"x","name":"x","credential":{}}"""),
            ("DELETE", "/me/passkeys/x", null),
        })
        {
            (await api.AskAsync(user, method, path, body, Other)).Is(412);
        }

        (await api.AskAsync(user, "POST", "/me/authenticator", match: factors)).Is(201);
        (await api.AskAsync("admin", "DELETE", $"/users/{user}/second-factors", match: Other)).Is(412);
        var seen = (await api.AskAsync("aud", "GET", $"/users/{user}")).Is(200).Headers["ETag"];
        (await api.AskAsync("admin", "DELETE", $"/users/{user}/second-factors", match: seen)).Is(204);
        (await api.AskAsync(user, "PUT", "/me/password", password, "*")).Is(204);
    }
}
