using Berth.Identity;
using Berth.Settings;
using Berth.Tests.Servers;

namespace Berth.Tests.Identity;

/// <summary>The groups of users in a real directory.</summary>
public sealed class LdapGroupTests : IAsyncLifetime
{
    private readonly DirectoryLog log = new();
    private SlapdServer server = null!;

    private LdapSettings BySearch => server.Settings with { GroupBase = SlapdServer.GroupBase };

    private LdapSettings ByAttribute => server.Settings with { GroupAttribute = "memberOf" };

    public async ValueTask InitializeAsync() => server = await SlapdServer.SharedAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("alice", "admins developers")]
    [InlineData("bob", "developers")]
    [InlineData("jane", "R&D, Köln (West)")]
    [InlineData("twin-1", "")]
    public async Task Groups_come_from_an_attribute_from_a_search_or_from_both(string user, string groups)
    {
        var both = BySearch with { GroupAttribute = "memberOf" };
        foreach (var settings in new[] { BySearch, ByAttribute, both })
            Assert.Equal(groups, string.Join(' ', await GroupsAsync(settings, user)));
    }

    [Theory]
    [InlineData(0, "admins developers")]
    [InlineData(1, "admins developers staff")]
    [InlineData(2, "admins company developers staff")]
    [InlineData(3, "admins circle-1 company developers staff")]
    [InlineData(20, "admins circle-1 circle-2 company developers staff")]
    public async Task Groups_in_groups_are_followed_as_deep_as_the_settings_say(int depth, string groups)
    {
        var both = BySearch with { GroupAttribute = "memberOf" };
        foreach (var settings in new[] { BySearch, ByAttribute, both })
        {
            var found = await GroupsAsync(settings with { NestedGroups = depth }, "alice");
            Assert.Equal(groups, string.Join(' ', found));
        }
    }

    [Fact]
    public async Task Groups_may_list_names_instead_of_entries()
    {
        var settings = BySearch with { GroupFilter = "(&(objectClass=posixGroup)(memberUid={user}))" };
        Assert.Equal(["unix"], await GroupsAsync(settings, "bob"));
        // The filter gets the directory's spelling, since memberUid is compared exactly.
        Assert.Equal(["unix"], await GroupsAsync(settings, "BOB", "bob-secret"));
        Assert.Empty(await GroupsAsync(settings, "alice"));
        var any = BySearch with { GroupFilter = "(|(member={dn})(memberUid={user}))" };
        Assert.Equal(["developers", "unix"], await GroupsAsync(any, "bob"));
    }

    [Fact]
    public async Task Groups_may_be_called_by_their_DN_or_another_attribute()
    {
        string[] names = ["cn=developers,ou=groups,dc=example,dc=org"];
        Assert.Equal(names, await GroupsAsync(BySearch with { GroupNameAttribute = "dn" }, "bob"));
        Assert.Equal(names, await GroupsAsync(ByAttribute with { GroupNameAttribute = "dn" }, "bob"));
        var unix = BySearch with { GroupFilter = "(memberUid={user})", GroupNameAttribute = "gidNumber" };
        Assert.Equal(["1000"], await GroupsAsync(unix, "bob"));
        // It is not in the DN, so the group is read; this one has none.
        Assert.Empty(await GroupsAsync(ByAttribute with { GroupNameAttribute = "gidNumber" }, "bob"));
        var classes = ByAttribute with { GroupNameAttribute = "objectClass" };
        Assert.Equal(["groupOfNames"], await GroupsAsync(classes, "bob"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(24)]
    [InlineData(25)]
    [InlineData(500)]
    public async Task All_groups_are_found_whatever_the_size_of_a_page(int size)
    {
        var found = await GroupsAsync(BySearch with { PageSize = size }, "carol");
        Assert.Equal(Enumerable.Range(1, 25).Select(n => $"team-{n:00}"), found);
    }

    [Fact]
    public async Task More_groups_than_the_limit_are_ignored_and_it_is_logged()
    {
        foreach (var settings in new[] { BySearch with { PageSize = 3 }, BySearch, ByAttribute })
        {
            Assert.Equal(25, (await GroupsAsync(settings with { MaxGroups = 25 }, "carol")).Count);
            Assert.Empty(log.Lines);
        }

        foreach (var settings in new[] { BySearch with { PageSize = 3 }, BySearch, ByAttribute })
            Assert.Equal(10, (await GroupsAsync(settings with { MaxGroups = 10 }, "carol")).Count);
        Assert.Equal(3, log.Lines.Count);
        Assert.All(log.Lines, line => Assert.Contains("more groups than auth.ldap.maxgroups, 10", line));
    }

    [Fact]
    public async Task A_required_group_keeps_others_out()
    {
        var settings = ByAttribute with { RequiredGroup = "Admins" };
        Assert.Equal(["admins", "developers"], await GroupsAsync(settings, "alice"));
        var answer = await CheckAsync(settings, "bob", "bob-secret");
        Assert.Equal((LdapOutcome.Wrong, null), (answer.Outcome, answer.User));
        Assert.Contains("not in the group Admins", answer.Reason, StringComparison.Ordinal);
        // Whoever has a wrong password learns nothing about groups.
        Assert.Equal("invalid credentials (49)", (await CheckAsync(settings, "bob", "wrong")).Reason);
        var nested = settings with { RequiredGroup = "company" };
        Assert.Equal(LdapOutcome.Wrong, (await CheckAsync(nested, "bob", "bob-secret")).Outcome);
        nested = nested with { NestedGroups = 2 };
        Assert.Equal(LdapOutcome.Right, (await CheckAsync(nested, "bob", "bob-secret")).Outcome);
    }

    [Fact]
    public async Task Without_groups_in_the_settings_none_are_asked_for() =>
        Assert.Empty(await GroupsAsync(server.Settings, "alice"));

    [Fact]
    public async Task A_wrong_base_of_groups_is_not_taken_for_no_groups()
    {
        var settings = BySearch with { GroupBase = "ou=nowhere,dc=example,dc=org" };
        var answer = await CheckAsync(settings, "alice", "alice-secret");
        Assert.Equal(LdapOutcome.Unavailable, answer.Outcome);
        Assert.Contains("auth.ldap.groupbase failed: no such object (32)", answer.Reason, StringComparison.Ordinal);
    }

    private async Task<IReadOnlyList<string>> GroupsAsync(
        LdapSettings settings, string user, string? password = null)
    {
        var answer = await CheckAsync(settings, user, password ?? $"{user}-secret");
        Assert.True(answer.Outcome == LdapOutcome.Right, answer.Reason);
        return [.. answer.User!.Groups.Order(StringComparer.Ordinal)];
    }

    private async Task<LdapAnswer> CheckAsync(LdapSettings settings, string user, string password)
    {
        using var directory = new LdapDirectory(settings, TimeProvider.System, log);
        return await directory.CheckAsync(user, password, TestContext.Current.CancellationToken);
    }
}
