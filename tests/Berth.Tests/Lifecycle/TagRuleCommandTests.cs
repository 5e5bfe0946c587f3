using System.Text.Json;
using Berth.Tests.Access;
using Berth.Tests.Api;
using Berth.Tests.Cli;
using static Berth.Tests.Access.AccountsOf;

namespace Berth.Tests.Lifecycle;

/// <summary>Rules on tags are tried before they count, changed and removed, and a mistyped one is told from others.
/// </summary>
[Inside]
public sealed class TagRuleCommandTests : IAsyncLifetime
{
    private readonly SetClock clock = new();
    private RegistryFixture registry = null!;
    private ImagePusher images = null!;
    private AccountCommand command = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await StartAsync(clock: clock);
        images = new ImagePusher(registry, "admin");
        command = new AccountCommand(registry);
        foreach (var (repository, tag) in new[]
        {
            ("acme/app", "pr-1"), ("acme/app", "pr-2"), ("acme/app", "v1"), ("acme/web", "pr-3"), ("else/app", "pr-4"),
        })
        {
            await images.PushAsync(repository, tag, $"{repository}:{tag}");
            clock.Advance(TimeSpan.FromHours(1));
        }
    }

    public ValueTask DisposeAsync() => registry.DisposeAsync();

    [Fact]
    public async Task A_rule_says_what_it_matches_and_one_that_matches_nothing_is_told()
    {
        foreach (var (rule, said) in new[]
        {
            ("acme/** --tags pr-* --keep-last 1", "It matches 2 repositories and 3 tags now."),
            ("acme/** --except pr-* --immutable", "It matches 2 repositories and 1 tag now."),
            ("acme/app --untagged-after 7d", "It matches 1 repository now."),
            ("nothing/here --tags zzz --keep-last 1", "It matches no repository yet: if it should, check the pattern."),
            ("acme/* --tags zzz --keep-last 1", "but no tag there yet: if it should, check the patterns of tags."),
        })
        {
            Assert.Contains(said, (await command.RunAsync(["rule", "add", .. rule.Split(' ')])).Is(0).Output);
        }

        var made = await images.ApiAsync("POST", "/tag-rules", """{"names":"acme/app","keepLastPushed":1}""", 201);
        Assert.Equal(("1", "3"), (made.Of("matchedRepositories"), made.Of("matchedTags")));
        var path = $"/tag-rules/{made.Of("id")}";
        Assert.Equal("3", (await images.ApiAsync("GET", path, null, 200)).Of("matchedTags"));
        var changed = await images.ApiAsync("PUT", path, """{"names":"acme/nope","keepLastPushed":1}""", 200);
        Assert.Equal(("0", "0"), (changed.Of("matchedRepositories"), changed.Of("matchedTags")));
    }

    [Fact]
    public async Task A_rule_is_tried_before_it_counts()
    {
        string[] rule = ["rule", "add", "acme/**", "--tags", "pr-*", "--keep-last", "1", "--dry-run"];
        var said = (await command.RunAsync(rule)).Is(0).Output;
        Assert.Matches(@"acme/app:pr-1 +goes +the new rule \(acme/\*\*: pr-\*\) does not keep it", said);
        Assert.DoesNotContain("pr-2", said);
        Assert.Contains("1 tag and 0 manifests without tags would go. It matches 2 repositories and 3 tags", said);
        Assert.Contains("Nothing was changed.", said);
        var json = JsonDocument.Parse((await command.RunAsync([.. rule, "--json"])).Is(0).Output).RootElement;
        Assert.Equal("acme/app", json.GetProperty("going")[0].Of("repository"));
        Assert.Empty(await RulesAsync());

        // What other rules keep stays, and what is wrong is said as when it is saved.
        await AddAsync("acme/app", "--tags", "pr-1", "--keep-always");
        Assert.Contains("0 tags and 0 manifests", (await command.RunAsync(rule)).Is(0).Output);
        var wrong = (await command.RunAsync("rule", "add", "acme/**", "--dry-run")).Is(1);
        Assert.Contains("the rule says nothing about what stays", wrong.Errors);
        Assert.Single(await RulesAsync());
    }

    [Fact]
    public async Task Only_those_who_may_save_a_rule_may_try_it()
    {
        await new AccountsOf(registry).AddUserAsync("bob", ImagePusher.Password);
        var bob = new ImagePusher(registry, "bob");
        await bob.ApiAsync("POST", "/tag-rules/plan", """{"names":"acme/**","keepLastPushed":1}""", 403);
        await bob.ApiAsync("POST", "/tag-rules/plan", """{"names":"bob/**","keepLastPushed":1}""", 200);
        var id = await AddAsync("acme/**", "--keep-last", "1");
        await bob.ApiAsync("POST", $"/tag-rules/plan?replaces={id}", """{"names":"bob/**","keepLastPushed":1}""", 404);
        await images.ApiAsync("POST", "/tag-rules/plan?replaces=99", """{"names":"acme/**","keepLastPushed":1}""", 404);
        await images.ApiAsync("POST", "/tag-rules/plan", """{"names":"acme//","keepLastPushed":1}""", 400);
    }

    [Fact]
    public async Task A_change_leaves_what_is_not_named_and_is_tried_like_a_new_rule()
    {
        await AddAsync("acme/**", "--keep-for", "30m");
        var id = await AddAsync("acme/**", "--tags", "pr-*", "--keep-last", "2", "--keep-for", "90d");
        string[] change =
            ["rule", "change", id, "--repositories", "acme/app", "--keep-last", "1", "--without", "keep-for"];
        var said = (await AskAsync([.. change, "--dry-run"])).Is(0).Output;
        Assert.Matches("acme/app:pr-1 +goes", said);

        // It kept this one so far, and would not be about it any more.
        Assert.Matches("acme/web:pr-3 +goes", said);
        Assert.Contains("It matches 1 repository and 2 tags now. Nothing was changed.", said);
        var before = (await RulesAsync())[1];
        Assert.Equal(("acme/**", "7776000", "1"), (
            before.Of("names"), before.Of("keepForSeconds"), before.Of("version")));
        Assert.Contains(
            $"Rule {id}: keep the last 1, in acme/app. It matches 1 repository and 2 tags now.",
            (await AskAsync(change)).Is(0).Output);
        var after = (await RulesAsync())[1];
        Assert.Equal(("acme/app", "1", "", "pr-*", "2"), (
            after.Of("names"), after.Of("keepLastPushed"), after.Of("keepForSeconds"),
            after.GetProperty("tags")[0].GetString(), after.Of("version")));
        foreach (var (options, fault) in new[]
        {
            ("--without nope", "a rule has no --nope; it has tags, except, immutable"),
            ("--keep-last 3 --without keep-last", "--keep-last and --without keep-last exclude each other"),
        })
        {
            var refused = await AskAsync(["rule", "change", id, .. options.Split(' ')]);
            Assert.Contains(fault, refused.Is(2).Errors);
        }

        Assert.Contains(
            "no such rule", (await AskAsync("rule", "change", "99", "--keep-last", "3")).Is(1).Errors);
        Assert.Contains(
            "says nothing about what stays",
            (await AskAsync("rule", "change", id, "--without", "keep-last")).Is(1).Errors);
        Assert.Equal("2", (await RulesAsync())[1].Of("version"));

        // By the server's clock, which has gone on.
        Task<CommandResult> AskAsync(params string[] arguments) =>
            command.AskAsync("admin", AdminPassword, arguments);
    }

    [Fact]
    public async Task What_takes_protection_away_says_so_and_asks_first()
    {
        var id = await AddAsync("acme/**", "--tags", "v*", "--immutable");
        var digest = await images.DigestOfAsync("acme/app", "v1");
        await images.ApiAsync("PUT", "/pins/production", $$"""{"images":["{{digest}}"]}""", 200);
        await images.ApiAsync("PATCH", "/tags/pr-1?repository=acme/app", """{"isPinned":true}""", 200);
        foreach (var (words, what, path) in new[]
        {
            ($"rule remove {id}", $"remove[s]? rule {id} \\(immutable; v\\* in acme/\\*\\*\\)", $"/tag-rules/{id}"),
            ("pins remove production", "remove[s]? the list production with 1 image", "/pins/production"),
            ("tag unpin acme/app:pr-1", "let[s]? rules and expiry remove acme/app:pr-1 again", ""),
        })
        {
            string[] run = words.Split(' ');

            // Pins belong to the account that posted them.
            Task<CommandResult> RunAsync(params string[] more) =>
                command.AskAsync("admin", AdminPassword, [.. run, .. more]);
            Assert.Matches("This would " + what, (await RunAsync("--dry-run")).Is(0).Output);
            var asked = (await RunAsync()).Is(2).Errors;
            Assert.Matches("This " + what, asked);
            Assert.Contains("Nobody can be asked: give --yes", asked);
            if (path.Length > 0) await images.ApiAsync("GET", path, null, 200);
            else Assert.Equal("True", await IsPinnedAsync());
            (await RunAsync("--yes")).Is(0);
            if (path.Length > 0) await images.ApiAsync("GET", path, null, 404);
            else Assert.Equal("False", await IsPinnedAsync());
        }
    }

    private async Task<string> IsPinnedAsync() =>
        (await images.ApiAsync("GET", "/tags/pr-1?repository=acme/app", null, 200)).Of("isPinned");

    private async Task<string> AddAsync(params string[] rule)
    {
        var made = (await command.RunAsync(["rule", "add", .. rule, "--json"])).Is(0).Output;

        // What is remembered of rules is read again after a second.
        clock.Advance(TimeSpan.FromSeconds(2));
        return JsonDocument.Parse(made).RootElement.Of("id");
    }

    private async Task<List<JsonElement>> RulesAsync() =>
        [.. (await images.ApiAsync("GET", "/tag-rules", null, 200)).GetProperty("items").EnumerateArray()];
}
