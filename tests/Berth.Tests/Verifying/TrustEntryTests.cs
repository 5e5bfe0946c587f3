using System.Text.Json.Nodes;
using Berth.Tests.Api;
using static Berth.Tests.Verifying.SignedImages;

namespace Berth.Tests.Verifying;

/// <summary>Who may say whose signatures count, and what is refused.</summary>
[Accounts]
[Collection(ApiTests.Name)]
public sealed class TrustEntryTests(ApiRegistry api)
{
    private static readonly string Key = new JsonObject { ["content"] = new SigningKey().Pem }.ToJsonString();

    [Fact]
    public async Task Owners_say_what_counts_in_their_namespace_and_administrators_everywhere()
    {
        var name = api.Name();
        (await api.AskAsync("ann", "PUT", PathOf("keys", name, "acme"), Key)).Is(200);
        (await api.AskAsync("ann", "PUT", PathOf("keys", name, null), Key)).Is(403);
        (await api.AskAsync("admin", "PUT", PathOf("keys", name, null), Key)).Is(200);
        Assert.Contains(name, (await api.AskAsync("ann", "GET", "/trust?namespace=acme")).Is(200).All());
        Assert.Contains(name, (await api.AskAsync("aud", "GET", "/trust?kind=keys")).Is(200).All());
        var shown = (await api.AskAsync("aud", "GET", PathOf("keys", name, "acme"))).Is(200);
        Assert.Equal(("acme", "ann"), (shown.Of("namespace"), shown.Of("createdBy")));
        (await api.AskAsync("aud", "PUT", PathOf("keys", name, "acme"), Key)).Is(403);
        (await api.AskAsync("aud", "DELETE", PathOf("keys", name, "acme"))).Is(403);
        (await api.AskAsync("ann", "DELETE", PathOf("keys", name, null))).Is(403);
        (await api.AskAsync("ann", "DELETE", PathOf("keys", name, "acme"))).Is(204);
        (await api.AskAsync("ann", "GET", PathOf("keys", name, "acme"))).Is(404);
        (await api.AskAsync("admin", "DELETE", PathOf("keys", name, null))).Is(204);
        await Eventually.TrueAsync(async () =>
        {
            var noted = (await api.AskAsync("admin", "GET", "/audit")).Is(200).Text;
            return noted.Contains($"keys/{name}", StringComparison.Ordinal)
                && noted.Contains("in acme", StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("bob")]
    [InlineData("eve")]
    public async Task Entries_of_others_are_not_there(string who)
    {
        var name = api.Name();
        (await api.AskAsync("ann", "PUT", PathOf("keys", name, "acme"), Key)).Is(200);
        foreach (var space in new[] { "acme", "nowhere" })
        {
            foreach (var (method, path) in new[]
            {
                ("GET", $"/trust?namespace={space}"), ("GET", PathOf("keys", name, space)),
                ("PUT", PathOf("keys", name, space)), ("DELETE", PathOf("keys", name, space)),
            })
            {
                var answer = (await api.AskAsync(who, method, path, method == "PUT" ? Key : null)).Is(404);
                Assert.Equal("there is no such namespace", answer.Detail);
            }
        }

        (await api.AskAsync(who, "GET", "/trust")).Is(403);
        (await api.AskAsync("ann", "GET", PathOf("keys", name, "acme"))).Is(200);
    }

    [Theory]
    [InlineData("keys", "a", """{"content":"no key"}""", "this can't be used")]
    [InlineData("keys", "a", """{}""", "the others have content")]
    [InlineData("keys", "a%20b", """{"content":"x"}""", "a name has")]
    [InlineData("locks", "a", """{"content":"x"}""", "what can be trusted are keys")]
    [InlineData("identities", "a", """{"issuer":"https://a.example","subject":"**"}""", "would match everybody")]
    [InlineData("identities", "a", """{"issuer":"https://*.example","subject":"a"}""", "can't have wildcards")]
    [InlineData("identities", "a", """{"issuer":"https://a.example\n","subject":"a"}""", "no control characters")]
    [InlineData("identities", "a", """{"content":"x"}""", "has an issuer and a subject")]
    [InlineData("roots", "a", """{"content":"{}"}""", "this can't be used")]
    [InlineData("stores", "acme", """{"content":"x"}""", "ca:NAME")]
    [InlineData("stores", "ca:acme", """{"content":"x"}""", "this can't be used")]
    [InlineData("policies", "a", """{"content":"{\"version\":\"2.0\"}"}""", "this can't be used")]
    public async Task What_can_not_be_used_is_refused(string kind, string name, string body, string why)
    {
        var answer = (await api.AskAsync("admin", "PUT", PathOf(kind, name, null), body)).Is(400);
        Assert.Contains(why, answer.Detail);
    }

    [Fact]
    public async Task A_change_is_only_made_to_the_version_that_was_seen()
    {
        var path = PathOf("keys", api.Name(), "acme");
        (await api.AskAsync("ann", "PUT", path, Key, match: "\"1\"")).Is(412);
        (await api.AskAsync("ann", "PUT", path, Key)).Is(200);
        (await api.AskAsync("ann", "PUT", path, Key, match: "\"1\"")).Is(200);
        (await api.AskAsync("ann", "PUT", path, Key, match: "\"1\"")).Is(412);
        (await api.AskAsync("ann", "DELETE", path, match: "\"1\"")).Is(412);
        (await api.AskAsync("ann", "DELETE", path, match: "\"2\"")).Is(204);
    }
}
