using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>An account of another directory with which a user signs in.</summary>
/// <param name="Source">The directory: <c>ldap</c>, or <c>oidc:NAME</c>.</param>
/// <param name="Subject">What it calls them for good: the claim <c>sub</c>, or an entry's unique number.</param>
/// <param name="Name">The name that it shows for them.</param>
/// <param name="LinkedAt">Since when.</param>
internal sealed record IdentityView(string Source, string Subject, string Name, DateTimeOffset LinkedAt)
{
    public static IdentityView Of(IdentityRow row) => new(row.Source, row.Subject, row.Name, row.LinkedAt);
}

/// <summary>An account of another directory, whose user is to sign in to an account here.</summary>
internal sealed record NewIdentity(string Source, string Subject, string Name);

/// <summary><c>/me/identities</c> and <c>/users/{name}/identities</c>: with what else users sign in.</summary>
internal sealed class IdentityEndpoints(
    AuthSettings settings, Database database, AccessChanges changes, TimeProvider clock)
{
    public Task<ApiAnswer<Listed<IdentityView>>> ListMineAsync(HttpContext http) =>
        ListAsync(http, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiAnswer<Listed<IdentityView>>> ListAsync(HttpContext http, string name) =>
        ListAsync(http, session => UserEndpoints.FindAsync(session, name));

    public Task<ApiDone> RemoveMineAsync(HttpContext http, string source, string subject) =>
        RemoveAsync(http, source, subject, session => AccountTable.FindAsync(session, MeEndpoints.IdOf(http)));

    public Task<ApiDone> RemoveAsync(HttpContext http, string name, string source, string subject) =>
        RemoveAsync(http, source, subject, session => UserEndpoints.FindAsync(session, name));

    /// <summary>Links by hand, for whom no rule of the settings does.</summary>
    public async Task<ApiAnswer<IdentityView>> AddAsync(HttpContext http, string name, [FromBody] NewIdentity sent)
    {
        if (Field.FindFault(("source", sent.Source), ("subject", sent.Subject), ("name", sent.Name)) is { } fault)
            return fault;
        if (sent.Source.Length == 0 || sent.Subject.Length == 0)
            return ApiError.Invalid("source and subject say who it is, and are not empty");
        if (Field.FindUnknownSource(sent.Source, [.. settings.Directories]) is { } unknown) return unknown;
        return await changes.RunAsync<ApiAnswer<IdentityView>>(
            async session =>
            {
                if (await UserEndpoints.FindAsync(session, name) is not { } account) return UserEndpoints.NotFound();
                var row = new IdentityRow(sent.Source, sent.Subject, account.Id, sent.Name, clock.GetUtcNow());
                return await ExternalAccounts.LinkAsync(session, row) is { } wrong
                    ? ApiError.Conflict(wrong)
                    : ApiAnswer<IdentityView>.Made(IdentityView.Of(row), ApiRequest.OnlyVersion);
            },
            http.RequestAborted);
    }

    private async Task<ApiAnswer<Listed<IdentityView>>> ListAsync(
        HttpContext http, Func<Session, ValueTask<AccountRow?>> find) =>
        await database.ReadAsync<ApiAnswer<Listed<IdentityView>>>(
            async session => await find(session) is { } account
                ? new Listed<IdentityView>(
                    (await IdentityTable.ListAsync(session, account.Id)).ConvertAll(IdentityView.Of))
                : UserEndpoints.NotFound(),
            http.RequestAborted);

    private async Task<ApiDone> RemoveAsync(
        HttpContext http, string source, string subject, Func<Session, ValueTask<AccountRow?>> find) =>
        await changes.RunAsync(
            async session =>
            {
                if (await find(session) is not { } account) return UserEndpoints.NotFound();
                var linked = await IdentityTable.ListAsync(session, account.Id);
                if (!linked.Exists(row => row.Source == source && row.Subject == subject)) return NotFound();
                if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
                var (isPresent, fault) = await ExternalAccounts.UnlinkAsync(session, account.Id, source, subject);
                if (!isPresent) return NotFound();
                return fault is null ? null : ApiError.Conflict(fault);
            },
            http.RequestAborted);

    private static ApiError NotFound() => ApiError.NotFound("such identity");
}
