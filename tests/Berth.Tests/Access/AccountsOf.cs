using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Berth.Tests.Access;

/// <summary>The accounts of a registry in this process, made as quickly as they are needed.</summary>
internal sealed class AccountsOf(RegistryFixture registry)
{
    public const string AdminPassword = "first of all";

    private readonly AccessChanges changes = registry.Services.GetRequiredService<AccessChanges>();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>A registry with local users, and <c>admin</c> among them.</summary>
    public static Task<RegistryFixture> StartAsync(
        Func<AuthSettings, AuthSettings>? auth = null, Func<RegistrySettings, RegistrySettings>? settings = null,
        TimeProvider? clock = null) =>
        RegistryFixture.StartAsync(s =>
        {
            var local = new LocalSettings { Enabled = true, AdminPassword = AdminPassword, BcryptCost = 4 };
            var own = new AuthSettings { Local = local };
            s = s with { Auth = auth?.Invoke(own) ?? own };
            return settings?.Invoke(s) ?? s;
        }, clock);

    public async Task<long> AddUserAsync(string name, string password, RegistryRole role = RegistryRole.None)
    {
        var hash = registry.Services.GetRequiredService<LocalUsers>().Hash(password);
        return await AddAsync(new AccountRow(0, AccountKinds.User, name)
        {
            PasswordHash = hash,
            Role = role == RegistryRole.None ? null : Roles.Word(role),
        });
    }

    public Task<long> AddOrganizationAsync(string name, bool makesPublic = false) =>
        AddAsync(new AccountRow(0, AccountKinds.Organization, name) { MakesPublic = makesPublic });

    public Task<long> AddRobotAsync(string name) => AddAsync(new AccountRow(0, AccountKinds.Robot, name));

    /// <summary>The number of an account.</summary>
    public async Task<long> FindAsync(string name) =>
        (await registry.Services.GetRequiredService<KnownRights>().FindAccountAsync(name, Stop))!.Id;

    public Task GrantAsync(long account, string pattern, string actions) => changes.RunAsync(
        session => GrantTable.PutAsync(
            session, account, null, pattern.Split('/')[0],
            new GrantRow(0, null, null, pattern, actions, Now, "test")),
        Stop);

    public Task AddKeylessRuleAsync(string names) => changes.RunAsync(
        session => KeylessRuleTable.AddAsync(
            session, new KeylessRuleRow(0, "github", "ref == \"refs/heads/main\"", "push", names)),
        Stop);

    public Task RevokeAllAsync(long account) => changes.RunAsync(
        session => session.RunAsync("DELETE FROM access_grant WHERE account_id = $1", account), Stop);

    public Task SetAsync(string name, Func<AccountRow, AccountRow> change) => changes.RunAsync(
        async session => await AccountTable.UpdateAsync(
            session, change((await AccountTable.FindAsync(session, name))!)),
        Stop);

    public Task MakePublicAsync(string repository) => changes.RunAsync(
        session => session.RunAsync("UPDATE repository SET is_public = 1 WHERE name = $1", repository), Stop);

    /// <summary>A new secret of an account.</summary>
    public async Task<(long Id, string Secret)> AddTokenAsync(
        long account, string kind = TokenKinds.Personal, string? actions = null, string? patterns = null,
        DateTimeOffset? expiresAt = null)
    {
        var secret = TokenSecret.Make(kind);
        var token = new TokenRow(0, account, kind, "test")
        {
            Actions = actions,
            Patterns = patterns,
            ExpiresAt = expiresAt,
            CreatedAt = Now,
        };
        var added = await changes.RunAsync(session => new ValueTask<TokenRow>(
            TokenTable.AddAsync(session, token, secret.Hash).AsTask()), Stop);
        return (added.Id, secret.Text);
    }

    public Task RevokeAsync(long token) =>
        changes.RunAsync(session => TokenTable.RemoveAsync(session, token), Stop);

    public static string Basic(string user, string password) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

    /// <summary>An access token, as clients get one.</summary>
    public async Task<string> BearerAsync(string? authorization, params IEnumerable<string> scopes)
    {
        var query = string.Concat(scopes.Select(scope => "&scope=" + Uri.EscapeDataString(scope)));
        using var request = new HttpRequestMessage(HttpMethod.Get, "token?service=berth" + query);
        if (authorization is not null) request.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
        using var answer = await registry.Client.SendAsync(request, Stop);
        var text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.IsSuccessStatusCode, text);
        return "Bearer " + (string)JsonNode.Parse(text)!["token"]!;
    }

    private Task<long> AddAsync(AccountRow account) => changes.RunAsync(
        async session => (await AccountTable.AddAsync(session, account with { CreatedAt = Now }))!.Id, Stop);
}
