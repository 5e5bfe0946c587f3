using Berth.Access;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>Who the caller is.</summary>
internal sealed record MeView(
    string Name, string Kind, RegistryRole Role, string? FullName, string? Email, bool HasPassword,
    IReadOnlyList<MembershipView> Organizations, IReadOnlyList<string> Groups, bool IsLimited, bool MakesPublic,
    long? Version);

/// <summary>An organization that a user is a member of.</summary>
internal sealed record MembershipView(string Organization, Role Role);

/// <summary>A change of one's own account. What is missing stays as it is; an empty text removes it.</summary>
internal sealed record MeChange(string? FullName = null, string? Email = null, bool? MakesPublic = null);

/// <summary>A change of one's own password.</summary>
internal sealed record PasswordChange(string Current, string New);

/// <summary><c>/me</c>: what users do with their own account.</summary>
internal sealed class MeEndpoints(Database database, AccessChanges changes, LocalUsers users, NewPasswords passwords)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task<ApiAnswer<MeView>> GetAsync(HttpContext http)
    {
        var caller = http.Caller();
        var account = caller.Rights.Account?.Account;
        var organizations = account is null
            ? []
            : await database.ReadAsync(
                session => OrganizationTable.MembershipsAsync(session, account.Id), http.RequestAborted);
        var me = new MeView(
            caller.Name, Roles.Word(caller.Caller.Kind), RoleOf(caller), account?.FullName, account?.Email,
            account?.PasswordHash is not null,
            [.. organizations.Select(m => new MembershipView(m.Organization, OrganizationEndpoints.RoleOf(m.Role)))],
            caller.Rights.Groups, caller.Caller.Limits is not null, account?.MakesPublic == true,
            account?.Version);
        return account is null ? me : ApiAnswer<MeView>.Of(me, account.Version);
    }

    public async Task<ApiAnswer<UserView>> ChangeAsync(HttpContext http, [FromBody] MeChange sent)
    {
        if (Field.FindFault(("fullName", sent.FullName), ("email", sent.Email)) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<UserView>>(
            async session =>
            {
                if (await AccountTable.FindAsync(session, IdOf(http)) is not { } row) return UserEndpoints.NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = await AccountTable.UpdateAsync(session, row with
                {
                    FullName = Field.Change(row.FullName, sent.FullName),
                    Email = Field.Change(row.Email, sent.Email),
                    MakesPublic = sent.MakesPublic ?? row.MakesPublic,

                    // Otherwise somebody could write the address of others, who would then be given this account.
                    IsEmailVerified = row.IsEmailVerified && (sent.Email ?? row.Email) == row.Email,
                });
                return ApiAnswer<UserView>.Of(UserView.Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    /// <summary>
    /// Changes the password. Docker, which keeps something in place of it, and other browsers must sign in again. The
    /// one that changes it has just sent the old one, and stays signed in.
    /// </summary>
    public async Task<ApiDone> SetPasswordAsync(HttpContext http, [FromBody] PasswordChange sent)
    {
        if (http.Caller().Rights.Account!.Account.PasswordHash is null)
            return ApiError.Conflict("this account has no password here");
        if (passwords.FindFault(sent.New, "new") is { } weak) return weak;
        var client = ClientNetwork.Unmapped(http.Connection.RemoteIpAddress);
        var (answer, _) = await users.CheckAsync(http.Caller().Name, sent.Current, client, http.RequestAborted);
        if (answer is PasswordAnswer.Busy or PasswordAnswer.Slowed)
        {
            return ApiError.Of(RegistryError.TooManyRequests(
                $"too many passwords were tried; try again in {RateLimits.SecondsOf(Patience)} seconds", Patience));
        }

        if (answer != PasswordAnswer.Right) return ApiError.Denied("the current password is not right").At("current");
        var hash = await passwords.HashAsync(sent.New, http.RequestAborted);
        return await changes.RunAsync(
            async session =>
            {
                if (await AccountTable.FindAsync(session, IdOf(http)) is not { } row) return UserEndpoints.NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                await AccountTable.UpdateAsync(session, row with { PasswordHash = hash });
                await TokenTable.RemoveAllAsync(session, row.Id, TokenKinds.Refresh);
                await SessionTable.RemoveOthersAsync(session, row.Id, BrowserOf(http));
                return null;
            },
            http.RequestAborted);
    }

    /// <summary>The hash of the browser that a request comes from; null if it signed in otherwise.</summary>
    public static string? BrowserOf(HttpContext http) => http.Caller().Caller.Method == SignInMethod.Session
        ? http.RequestServices.GetRequiredService<BrowserSessions>().HashOf(http.Request) : null;

    /// <summary>The caller's account, which the right <see cref="ApiRight.Self"/> requires.</summary>
    public static long IdOf(HttpContext http) => http.Caller().Rights.Account!.Account.Id;

    private static RegistryRole RoleOf(ApiCaller caller) =>
        caller.IsAdministrator ? RegistryRole.Administrator : caller.Rights.Account?.Role ?? RegistryRole.None;
}
