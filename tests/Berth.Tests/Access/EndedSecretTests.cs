using Berth.Metadata;
using Berth.Tests.Distribution;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Access;

/// <summary>A personal token, or a robot's, that ends while something goes on with it.</summary>
[Accounts]
[Inside]
public sealed class EndedSecretTests
{
    [Fact]
    public async Task An_upload_that_began_with_it_goes_on_and_nothing_else_does()
    {
        var clock = new SetClock();
        await using var registry = await RegistryFixture.StartAsync(
            s => s with
            {
                Auth = new()
                {
                    Local = new() { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 },
                    TokenLifetime = TimeSpan.FromHours(1),
                },
            },
            clock: clock);
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var (id, secret) = await accounts.AddTokenAsync(ann, expiresAt: clock.GetUtcNow().AddMinutes(10));
        var script = new Script(registry) { ["secret"] = Basic("ann", secret) };
        script["bearer"] = await accounts.BearerAsync(script["secret"], "repository:ann/a:pull,push");
        foreach (var name in new[] { "secret", "bearer" })
        {
            await script.PlayAsync(
                $$"""
                POST /v2/ann/a/blobs/uploads/
                  Authorization: {{{name}}}
                  202
                  Location: {upload{{name}}}
                """);
        }

        clock.Advance(TimeSpan.FromMinutes(11));
        foreach (var name in new[] { "secret", "bearer" })
        {
            await script.PlayAsync(
                $$"""
                POST /v2/ann/a/blobs/uploads/
                  Authorization: {{{name}}}
                  401
                PUT {upload{{name}}}?digest={sha256 abcd}
                  Authorization: {{{name}}}
                  > abcd
                  201
                """);
        }

        // One that is revoked is gone at once.
        await script.PlayAsync(
            $$"""
            POST /v2/ann/a/blobs/uploads/
              Authorization: {{Basic("ann", "of green gables")}}
              202
              Location: {upload}
            """);
        await accounts.RevokeAsync(id);
        await script.PlayAsync("PUT {upload}?digest={sha256 x}\n Authorization: {secret}\n > x\n 401");
        await script.PlayAsync("PUT {upload}?digest={sha256 x}\n Authorization: {bearer}\n > x\n 401");
    }

    /// <summary>It must not tell of more than the token may.</summary>
    [Fact]
    public async Task An_access_token_is_limited_as_the_token_is_that_it_was_made_with()
    {
        await using var registry = await StartAsync();
        var accounts = new AccountsOf(registry);
        var ann = await accounts.AddUserAsync("ann", "of green gables");
        var (_, secret) = await accounts.AddTokenAsync(ann, patterns: "ann/app");
        var script = new Script(registry)
        {
            ["ann"] = Basic("ann", "of green gables"),
            ["secret"] = Basic("ann", secret),
            ["admin"] = Basic("admin", AdminPassword),
        };
        foreach (var name in new[] { "ann/app", "ann/other" }) await LocalUserTests.PushImageAsync(script, name);
        foreach (var name in new[] { "ann", "secret" })
        {
            script[$"{name} bearer"] = await accounts.BearerAsync(
                script[name], "registry:catalog:*", "repository:ann/other:pull");
        }

        await script.PlayAsync(
            """
            GET /v2/_catalog
              Authorization: {ann bearer}
              200
              < {"repositories":["ann/app","ann/other"]}
            GET /v2/_catalog
              Authorization: {secret bearer}
              200
              < {"repositories":["ann/app"]}
            """);
    }
}
