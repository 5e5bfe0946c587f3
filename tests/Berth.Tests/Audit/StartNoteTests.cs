using Berth.Audit;
using Berth.Metadata;
using Berth.Settings;
using Berth.Tests.Access;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Audit;

/// <summary>The log tells when settings were changed, and none of their values.</summary>
[Accounts]
[Inside]
public sealed class StartNoteTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_start_notes_which_settings_are_not_at_their_defaults()
    {
        await using var registry = await AccountsOf.StartAsync(settings: s => s with
        {
            Audit = new AuditSettings { Keep = TimeSpan.FromDays(7) },
        });
        await registry.RestartAsync();
        var starts = await StartsAsync(registry);
        Assert.Equal(2, starts.Count);
        Assert.All(starts, start => Assert.Equal(("berth", "done", "none"), (start.Actor, start.Result, start.Method)));
        Assert.Equal(starts[0].Digest, starts[1].Digest);
        Assert.Matches("^hmac-sha256:[0-9a-f]{32}$", starts[0].Digest);
        var names = starts[0].Detail!.Split(", ");
        Assert.Contains("auth.local.adminpassword", names);
        Assert.Contains("auth.local.enabled", names);
        Assert.Contains("audit.keep", names);
        Assert.DoesNotContain("auth.local.adminname", names);
        Assert.DoesNotContain("audit.pulls", names);
        Assert.DoesNotContain(AccountsOf.AdminPassword, $"{starts[0]}", StringComparison.Ordinal);

        // The same settings have another digest elsewhere: nobody can make a table of the digests of passwords.
        await registry.Services.GetRequiredService<Database>().WriteAsync(
            async session => await session.RunAsync("DELETE FROM signing_key"), isDurable: true, Stop);
        await registry.RestartAsync();
        Assert.NotEqual(starts[0].Digest, (await StartsAsync(registry))[0].Digest);
    }

    [Fact]
    public void Settings_that_differ_in_any_way_differ_in_what_the_digest_is_of()
    {
        var plain = new RegistrySettings();
        Assert.Empty(ChangedSettings.Of(plain));
        RegistrySettings[] all =
        [
            plain,
            plain with { Auth = new AuthSettings() },
            plain with { Auth = new AuthSettings { Local = new LocalSettings { Enabled = true } } },
            plain with { Access = [Rule("user:a", "b")] },
            plain with { Access = [Rule("user:a", "b", "c")] },
            plain with { Access = [Rule("user:a", "b"), Rule("user:a", "c")] },
            plain with { Access = [Rule("user:ab")] },
            plain with { Access = [Rule("user:a"), Rule("b")] },
        ];
        Assert.Equal(all.Length, all.Select(one => string.Join('\n', ChangedSettings.Of(one))).Distinct().Count());
        Assert.Equal(["access"], ChangedSettings.Of(all[^1]).Select(one => one.Key));
        Assert.Equal(["auth"], ChangedSettings.Of(all[1]).Select(one => one.Key));
        Assert.Equal(["auth", "auth.local.enabled"], ChangedSettings.Of(all[2]).Select(one => one.Key));

        static AccessRuleSettings Rule(string who, params string[] names) =>
            new() { Allow = [who], Actions = ["pull"], Names = names };
    }

    private static async Task<List<AuditEntry>> StartsAsync(RegistryFixture registry)
    {
        await registry.Services.GetRequiredService<AuditLog>().WriteWaitingAsync(Stop);
        return await registry.Services.GetRequiredService<Database>().ReadAsync(
            session => AuditTable.ListAsync(session, new AuditFilter(Action: AuditTable.StartAction), null, 100), Stop);
    }
}
