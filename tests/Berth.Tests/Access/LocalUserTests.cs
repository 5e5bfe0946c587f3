using Berth.Settings;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>What users of the database may do, and what they see.</summary>
[Accounts]
[Inside]
public sealed class LocalUserTests
{
    [Fact]
    public async Task A_user_does_what_the_grants_say_and_finds_nothing_else()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        await accounts.GrantAsync(ann, "team/app", "pull");
        await accounts.GrantAsync(ann, "team/web-*", "pull,push");
        var script = new Script(registry)
        {
            ["ann"] = Basic("Ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        foreach (var name in new[] { "team/app", "team/secret" }) await PushAsync(script, name, "admin");
        await script.PlayAsync(
            """
            GET /v2/
              Authorization: {ann}
              200
            GET /v2/team/app/blobs/{sha256 abcd}
              Authorization: {ann}
              200
              < abcd
            POST /v2/team/app/blobs/uploads/
              Authorization: {ann}
              403 DENIED
            DELETE /v2/team/app/manifests/1
              Authorization: {ann}
              403 DENIED
            GET /v2/team/secret/blobs/{sha256 abcd}
              Authorization: {ann}
              404 NAME_UNKNOWN
            GET /v2/team/absent/blobs/{sha256 abcd}
              Authorization: {ann}
              404 NAME_UNKNOWN
            GET /v2/team/secret/tags/list
              Authorization: {ann}
              404 NAME_UNKNOWN
            POST /v2/team/secret/blobs/uploads/
              Authorization: {ann}
              403 DENIED
            POST /v2/team/web-1/blobs/uploads/
              Authorization: {ann}
              202
            POST /v2/ann/own/blobs/uploads/
              Authorization: {ann}
              202
            POST /v2/anne/own/blobs/uploads/
              Authorization: {ann}
              403 DENIED
            POST /v2/team/web-1/blobs/uploads/?mount={sha256 abcd}&from=team/secret
              Authorization: {ann}
              202
            POST /v2/team/web-1/blobs/uploads/?mount={sha256 abcd}&from=team/app
              Authorization: {ann}
              201
            """);
    }

    [Fact]
    public async Task The_catalog_has_what_the_caller_may_pull_page_by_page()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        await accounts.GrantAsync(ann, "team/**", "pull");
        await accounts.GrantAsync(ann, "other/*-cache", "pull");
        await accounts.GrantAsync(ann, "team/a", "pull");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        string[] names =
        [
            "open/a", "other/a", "other/x-cache", "other/x-cache/y", "team", "team-2/a", "team.3/a", "team/a",
            "team/b/c", "zoo/a",
        ];
        foreach (var name in names) await PushImageAsync(script, name);
        await accounts.MakePublicAsync("open/a");
        script["all"] = $$"""{"repositories":["{{string.Join("\",\"", names)}}"]}""";
        await script.PlayAsync(
            """
            GET /v2/_catalog
              Authorization: {admin}
              200
              < {all}
            GET /v2/_catalog
              Authorization: {ann}
              200
              < {"repositories":["open/a","other/x-cache","team","team/a","team/b/c"]}
            GET /v2/_catalog?n=2
              Authorization: {ann}
              200
              Link: </v2/_catalog?n=2&last=other%2Fx-cache>; rel="next"
              < {"repositories":["open/a","other/x-cache"]}
            GET /v2/_catalog?n=2&last=team
              Authorization: {ann}
              200
              Link: -
              < {"repositories":["team/a","team/b/c"]}
            GET /v2/_catalog
              401 UNAUTHORIZED
            """);
    }

    [Fact]
    public async Task Everyone_pulls_from_public_repositories_with_junk_credentials_too()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        await accounts.AddOrganizationAsync("open", makesPublic: true);
        await accounts.AddUserAsync("ann", "of green gables");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await PushAsync(script, "open/app", "admin");
        await PushAsync(script, "closed/app", "admin");
        script["nobody"] = await accounts.BearerAsync(null, "repository:open/app:pull,push");
        await script.PlayAsync(
            """
            GET /v2/open/app/blobs/{sha256 abcd}
              200
            GET /v2/open/app/blobs/{sha256 abcd}
              Authorization: {nobody}
              200
            GET /v2/open/app/blobs/{sha256 abcd}
              Authorization: Bearer junk
              200
            GET /v2/open/app/blobs/{sha256 abcd}
              Authorization: {ann}
              200
            POST /v2/open/app/blobs/uploads/
              Authorization: {nobody}
              401 UNAUTHORIZED
            POST /v2/open/app/blobs/uploads/
              Authorization: {ann}
              403 DENIED
            GET /v2/closed/app/blobs/{sha256 abcd}
              401 UNAUTHORIZED
            GET /v2/closed/app/blobs/{sha256 abcd}
              Authorization: {nobody}
              401 UNAUTHORIZED
            GET /v2/absent/app/blobs/{sha256 abcd}
              Authorization: {nobody}
              401 UNAUTHORIZED
            GET /token?scope=repository:closed/app:pull
              200
            GET /token
              401 UNAUTHORIZED
            """);
    }

    [Fact]
    public async Task A_wrong_password_keeps_nobody_from_what_everybody_may_pull()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        await accounts.AddOrganizationAsync("open", makesPublic: true);
        var script = new Script(registry)
        {
            ["admin"] = Basic("admin", AdminPassword),
            ["wrong"] = Basic("admin", "of blue gables"),
        };
        await PushAsync(script, "open/app", "admin");
        await PushAsync(script, "closed/app", "admin");
        await script.PlayAsync(
            """
            GET /v2/open/app/blobs/{sha256 abcd}
              Authorization: {wrong}
              200
            HEAD /v2/open/app/blobs/{sha256 abcd}
              Authorization: Basic !!!
              200
            POST /v2/open/app/blobs/uploads/
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /v2/closed/app/blobs/{sha256 abcd}
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /v2/absent/app/blobs/{sha256 abcd}
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /v2/
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token?scope=repository:open/app:pull
              Authorization: {wrong}
              200
            GET /token?scope=repository:open/app:pull,push
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token?scope=repository:open/app:*
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token?scope=repository:open/app:pull&scope=repository:closed/app:pull
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token?scope=junk
              Authorization: {wrong}
              401 UNAUTHORIZED
            GET /token
              Authorization: {wrong}
              401 UNAUTHORIZED
            """);
    }

    [Fact]
    public async Task A_name_without_a_namespace_finds_the_official_image()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["admin"] = Basic("admin", AdminPassword),
        };
        await PushAsync(script, "library/nginx", "admin");
        await accounts.MakePublicAsync("library/nginx");
        await PushAsync(script, "library/hidden", "admin");
        script["token"] = await accounts.BearerAsync(null, "repository:nginx:pull");
        await script.PlayAsync(
            """
            GET /v2/nginx/blobs/{sha256 abcd}
              Authorization: {token}
              200
              < abcd
            GET /v2/nginx/blobs/{sha256 abcd}
              Authorization: {ann}
              200
            GET /v2/hidden/blobs/{sha256 abcd}
              Authorization: {ann}
              404 NAME_UNKNOWN
            POST /v2/nginx/blobs/uploads/
              Authorization: {ann}
              403 DENIED
            POST /v2/nginx/blobs/uploads/?digest={sha256 own}
              Authorization: {admin}
              > own
              201
            GET /v2/nginx/blobs/{sha256 abcd}
              Authorization: {admin}
              404 BLOB_UNKNOWN
            GET /v2/nginx/blobs/{sha256 abcd}
              Authorization: {ann}
              200
            """);
        await accounts.GrantAsync(ann, "nginx", "pull");
        await script.PlayAsync("GET /v2/nginx/blobs/{sha256 own}\n Authorization: {ann}\n 200\n < own");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_first_push_makes_a_namespace_only_if_the_settings_say_so(bool makes)
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            Repositories = new() { CreateNamespaceOnPush = makes },
            Access = [new AccessRuleSettings { Allow = ["group:dev"], Actions = ["pull"], Names = ["ruled/**"] }],
        });
        var accounts = new AccountsOf(registry);
        await accounts.AddKeylessRuleAsync("acme/app deployed/**");
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        await accounts.GrantAsync(await accounts.AddUserAsync("bob", "the builder"), "granted/**", "pull");
        var (_, limited) = await accounts.AddTokenAsync(ann, patterns: "limited/**");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["bob"] = Basic("bob", "the builder"),
            ["limited"] = Basic("ann", limited),
            ["admin"] = Basic("admin", AdminPassword),
            ["status"] = makes ? "202" : "403",
        };
        await PushAsync(script, "old/app", "admin");
        script["token"] = await accounts.BearerAsync(script["ann"], "repository:new/app:pull,push");
        script["limited token"] = await accounts.BearerAsync(script["limited"], "repository:limited/app:pull,push");
        await script.PlayAsync(script.Filled(
            """
            POST /v2/limited/app/blobs/uploads/
              Authorization: {limited}
              403
            POST /v2/limited/app/blobs/uploads/
              Authorization: {limited token}
              403
            PATCH /v2/unknown/app/blobs/uploads/x
              Authorization: {ann}
              403
            POST /v2/old/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/bob/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/library/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/ruled/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/granted/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/deployed/app/blobs/uploads/
              Authorization: {ann}
              403
            POST /v2/new/app/blobs/uploads/
              Authorization: {token}
              {status}
            POST /v2/new/app/blobs/uploads/
              Authorization: {bob}
              403
            POST /v2/new/other/blobs/uploads/
              Authorization: {ann}
              {status}
            """));
    }

    [Fact]
    public async Task Without_creation_on_push_only_what_was_made_before_takes_pushes()
    {
        await using var registry = await StartAsync(settings: s => s with
        {
            Repositories = new() { CreateOnPush = false },
        });
        var script = new Script(registry) { ["admin"] = Basic("admin", AdminPassword) };
        await script.PlayAsync(
            """
            POST /v2/team/app/blobs/uploads/
              Authorization: {admin}
              404 NAME_UNKNOWN
            POST /api/v1/repositories
              Authorization: {admin}
              Content-Type: application/json
              > {"name":"team/app"}
              201
            POST /v2/team/app/blobs/uploads/
              Authorization: {admin}
              202
            """);
    }

    internal static Task PushAsync(Script script, string repository, string who) => script.PlayAsync(
        $"POST /v2/{repository}/blobs/uploads/?digest={{sha256 abcd}}\n Authorization: {{{who}}}\n > abcd\n 201");

    /// <summary>An image without layers: only repositories with one are listed.</summary>
    internal static Task PushImageAsync(Script script, string repository)
    {
        script["image"] =
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""";
        return script.PlayAsync(
            $$"""
            PUT /v2/{{repository}}/manifests/1
              Authorization: {admin}
              Content-Type: application/vnd.oci.image.index.v1+json
              > {image}
              201
            """);
    }
}
