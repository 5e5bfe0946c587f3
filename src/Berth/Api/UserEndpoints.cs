using Berth.Access;
using Berth.Identity;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A user.</summary>
internal sealed record UserView(
    string Name, string? FullName, string? Email, RegistryRole Role, bool IsDisabled, bool HasPassword,
    bool HasSecondFactor, bool MakesPublic, DateTimeOffset? ExpiresAt, DateTimeOffset CreatedAt, string CreatedBy,
    long Version) : INoted
{
    /// <summary>Of which they are members; null in a list and in the answer to a change.</summary>
    public IReadOnlyList<MembershipView>? Organizations { get; init; }

    /// <summary>What matters of it to who may do what.</summary>
    public ChangeNote Note() => new(Name, string.Join(", ", new[]
    {
        Role == RegistryRole.None ? "" : Roles.Word(Role), IsDisabled ? "disabled" : "",
        MakesPublic ? "makes public repositories" : "", ExpiresAt is { } end ? $"until {end:yyyy-MM-dd HH:mm}" : "",
    }.Where(word => word.Length > 0)) is { Length: > 0 } words ? words : null);

    ChangeNote INoted.Note => Note();

    public static UserView Of(AccountRow row) => new(
        row.Name, row.FullName, row.Email,
        Enum.TryParse<RegistryRole>(row.Role, ignoreCase: true, out var role) ? role : RegistryRole.None,
        row.IsDisabled, row.PasswordHash is not null, row.HasSecondFactor, row.MakesPublic, row.ExpiresAt,
        row.CreatedAt, row.CreatedBy, row.Version);
}

/// <summary>A user to be made. Without a password, one is generated.</summary>
internal sealed record NewUser(
    string Name, string? Password = null, string? FullName = null, string? Email = null,
    RegistryRole Role = RegistryRole.None, DateTimeOffset? ExpiresAt = null);

/// <summary>A user who was made. A generated password is shown this once.</summary>
internal sealed record MadeUser(UserView User, string? Password, string? Notice) : INoted
{
    ChangeNote INoted.Note => User.Note();
}

/// <summary>
/// A change of a user. What is missing stays as it is; an empty text removes what is there, and an expiry that is null
/// ends never.
/// </summary>
internal sealed record UserChange(
    string? FullName = null, string? Email = null, RegistryRole? Role = null, bool? IsDisabled = null,
    ExpiryChange ExpiresAt = default, bool? MakesPublic = null);

/// <summary>A new password. Without one, it is generated.</summary>
internal sealed record NewPassword(string? Password = null);

/// <summary>The password, if it was generated: this is the only time that it is shown.</summary>
internal sealed record MadePassword(string? Password);

/// <summary><c>/users</c>: what administrators do with users.</summary>
internal sealed class UserEndpoints(
    Database database, AccessChanges changes, NewPasswords passwords, Func<HtpasswdFile?> htpasswd, TimeProvider clock)
{
    public async Task<ApiAnswer<Listed<UserView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => AccountTable.ListAsync(session, AccountKinds.User, page.Last, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(UserView.Of), user => user.Name);
    }

    public async Task<ApiAnswer<MadeUser>> AddAsync(HttpContext http, [FromBody] NewUser sent)
    {
        if (!AccountName.TryParse(sent.Name, out var name) || name.IsRobot) return Field.InvalidName(sent.Name);
        if (Field.FindFault(("fullName", sent.FullName), ("email", sent.Email)) is { } fault) return fault;
        var now = clock.GetUtcNow();
        if (sent.ExpiresAt <= now) return ApiError.Invalid("expiresAt is in the past").At("expiresAt");
        if (passwords.FindFault(sent.Password) is { } weak) return weak;
        var password = sent.Password ?? NewPasswords.Make();
        var account = new AccountRow(0, AccountKinds.User, name.Text)
        {
            FullName = Field.Change(null, sent.FullName),
            Email = Field.Change(null, sent.Email),
            IsEmailVerified = sent.Email is { Length: > 0 },
            Role = sent.Role == RegistryRole.None ? null : Roles.Word(sent.Role),
            PasswordHash = await passwords.HashAsync(password, http.RequestAborted),
            ExpiresAt = sent.ExpiresAt?.ToUniversalTime(),
            CreatedAt = now,
            CreatedBy = http.Caller().Name,
        };
        var added = await changes.RunAsync(
            session => AccountTable.AddAsync(session, account), http.RequestAborted);
        if (added is null) return ApiError.Conflict($"the name {name} is taken").At("name");
        var made = new MadeUser(
            UserView.Of(added), sent.Password is null ? password : null,
            htpasswd()?.Knows(name.Text) == true
                ? $"{name} is in the users file too (auth.htpasswd): only the password there counts until it is removed"
                : null);
        return ApiAnswer<MadeUser>.Made(made, added.Version);
    }

    public async Task<ApiAnswer<UserView>> GetAsync(HttpContext http, string name) =>
        await database.ReadAsync<ApiAnswer<UserView>>(
            async session =>
            {
                if (await FindAsync(session, name) is not { } row) return NotFound();
                var memberships = await OrganizationTable.MembershipsAsync(session, row.Id);
                return ApiAnswer<UserView>.Of(
                    UserView.Of(row) with
                    {
                        Organizations =
                        [
                            .. memberships.Select(one => new MembershipView(
                                one.Organization, OrganizationEndpoints.RoleOf(one.Role))),
                        ],
                    },
                    row.Version);
            },
            http.RequestAborted);

    public async Task<ApiAnswer<UserView>> ChangeAsync(HttpContext http, string name, [FromBody] UserChange sent)
    {
        if (Field.FindFault(("fullName", sent.FullName), ("email", sent.Email)) is { } fault) return fault;
        if (sent.ExpiresAt.FindFault(clock.GetUtcNow()) is { } past) return past;
        return await changes.RunAsync<ApiAnswer<UserView>>(
            async session =>
            {
                if (await FindAsync(session, name) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = Change(row, sent);
                if (await LeavesNobodyAsync(session, row, changed)) return LastAdministrator();
                if (changed.IsDisabled)
                {
                    await TokenTable.RemoveAllAsync(session, row.Id, TokenKinds.Refresh);
                    await SessionTable.RemoveAllAsync(session, row.Id);
                }

                changed = await AccountTable.UpdateAsync(session, changed);
                return ApiAnswer<UserView>.Of(UserView.Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string name) => await changes.RunAsync(
        async session =>
        {
            if (await FindAsync(session, name) is not { } row) return NotFound();
            if (!http.IsFor(row.Version)) return ApiError.Changed();
            if (await LeavesNobodyAsync(session, row, changed: null)) return LastAdministrator();
            if (await NamespaceTable.HasRepositoriesAsync(session, row.Name))
            {
                return ApiError.Conflict(
                    $"the namespace {row.Name} has repositories, or some in the trash: disable the user instead");
            }

            await NamespaceTable.RemoveOwnerAsync(session, row);
            return null;
        },
        http.RequestAborted);

    /// <summary>Sets a password, for whoever has forgotten theirs. Docker must log in again.</summary>
    public async Task<ApiAnswer<MadePassword>> SetPasswordAsync(
        HttpContext http, string name, [FromBody] NewPassword sent)
    {
        if (passwords.FindFault(sent.Password) is { } weak) return weak;
        var password = sent.Password ?? NewPasswords.Make();
        var hash = await passwords.HashAsync(password, http.RequestAborted);
        return await changes.RunAsync<ApiAnswer<MadePassword>>(
            async session =>
            {
                if (await FindAsync(session, name) is not { } row) return NotFound();
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                await AccountTable.UpdateAsync(session, row with { PasswordHash = hash });
                await TokenTable.RemoveAllAsync(session, row.Id, TokenKinds.Refresh);
                await SessionTable.RemoveAllAsync(session, row.Id);
                return new MadePassword(sent.Password is null ? password : null);
            },
            http.RequestAborted);
    }

    /// <summary>The user with a name, however it is written.</summary>
    public static async ValueTask<AccountRow?> FindAsync(Session session, string text) =>
        AccountName.TryParse(text, out var name)
            && await AccountTable.FindAsync(session, name.Text) is { Kind: AccountKinds.User } row ? row : null;

    public static ApiError NotFound() => ApiError.NotFound("such user");

    private static AccountRow Change(AccountRow row, UserChange sent) => row with
    {
        FullName = Field.Change(row.FullName, sent.FullName),
        Email = Field.Change(row.Email, sent.Email),
        IsEmailVerified = sent.Email is { } email ? email.Length > 0 : row.IsEmailVerified,
        Role = sent.Role switch
        {
            null => row.Role,
            RegistryRole.None => null,
            { } role => Roles.Word(role),
        },
        IsDisabled = sent.IsDisabled ?? row.IsDisabled,
        ExpiresAt = sent.ExpiresAt.From(row.ExpiresAt),
        MakesPublic = sent.MakesPublic ?? row.MakesPublic,
    };

    /// <summary>Whether nobody would be left who can make administrators.</summary>
    private static async ValueTask<bool> LeavesNobodyAsync(Session session, AccountRow row, AccountRow? changed) =>
        IsAdministrator(row) && (changed is null || !IsAdministrator(changed))
        && await AccountTable.CountStaffAsync(session, Roles.Word(RegistryRole.Administrator)) <= 1;

    private static bool IsAdministrator(AccountRow row) =>
        row is { IsDisabled: false, ExpiresAt: null } && row.Role == Roles.Word(RegistryRole.Administrator);

    private static ApiError LastAdministrator() =>
        ApiError.Conflict("this is the last administrator who is enabled and does not expire: make another first");
}
