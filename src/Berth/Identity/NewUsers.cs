using System.Net;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>What somebody who makes an account of their own wants.</summary>
internal sealed record WantedAccount(string Name, string Password, string? FullName, string? Email);

/// <summary>Accounts that people make for themselves: with an invitation, or where the settings let everyone.</summary>
internal sealed class NewUsers(
    LocalSettings settings, LocalUsers users, AvailableNames names, Database database, TimeProvider clock)
{
    /// <summary>The fault if a network has to wait.</summary>
    public const string TooMany = "too many accounts were made from here";

    /// <summary>Each account takes a slow hash, and a name for good.</summary>
    private readonly FailedSignIns made = new(
        new FailedSignInSettings
        {
            Window = TimeSpan.FromDays(1),
            PerAccount = int.MaxValue,
            PerAccountFromAnywhere = int.MaxValue,
            PerAddress = settings.RegistrationsPerNetwork,
        },
        clock);

    public int LeastPasswordChars => settings.MinPasswordLength;

    public bool IsOpen => settings is { Enabled: true, OpenRegistration: true };

    /// <summary>How long a network has to wait before the next account; null if it need not.</summary>
    public TimeSpan? FindWait(IPAddress? client) => made.FindWait("", client);

    /// <summary>The invitation of a link; null if there is none, or it is used or too old.</summary>
    public async Task<InvitationRow?> FindInvitationAsync(string secret, CancellationToken cancellation) =>
        TokenSecret.TryParse(secret, out var parsed)
        && await database.ReadAsync(session => InvitationTable.FindAsync(session, parsed.Hash), cancellation)
            is { } row && clock.GetUtcNow() < row.ExpiresAt ? row : null;

    /// <summary>Makes an account, and uses the invitation up.</summary>
    /// <param name="wanted">What was typed.</param>
    /// <param name="invitation">With which; null where registration is open.</param>
    /// <param name="client">From where.</param>
    /// <param name="begin">
    /// Signs in whoever it is given, in one transaction with the making: an invitation is not used up without it.
    /// </param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The account, or what is wrong with what was typed.</returns>
    public async Task<(AccountRow? Account, string? Fault)> MakeAsync(
        WantedAccount wanted, InvitationRow? invitation, IPAddress? client,
        Func<Func<Session, ValueTask<long?>>, Task> begin, CancellationToken cancellation)
    {
        if (!AccountName.TryParse(invitation?.Name ?? wanted.Name, out var name) || name.IsRobot)
            return (null, AccountText.FaultOfName(wanted.Name));
        var fault = AccountText.FindFault(("fullName", wanted.FullName), ("email", wanted.Email))
            ?? users.FindFault(wanted.Password);
        if (fault is not null) return (null, fault);
        if (invitation is null)
        {
            if (!await database.ReadAsync(session => names.IsFreeAsync(session, name), cancellation))
                return (null, Taken(name));

            // Counted before it is made, so that many at the same moment are no more than one after the other.
            if (!made.TryGuess("", client)) return (null, TooMany);
        }

        var account = new AccountRow(0, AccountKinds.User, name.Text)
        {
            PasswordHash = await users.HashAsync(wanted.Password, cancellation),
            FullName = wanted.FullName,

            // An administrator wrote that of the invitation; the other is what somebody says.
            Email = invitation?.Email ?? wanted.Email,
            IsEmailVerified = invitation?.Email is not null,
            CreatedAt = clock.GetUtcNow(),
            CreatedBy = invitation is null ? "registration" : $"invitation of {invitation.CreatedBy}",
        };
        (AccountRow? Account, string? Fault) result = default;
        await begin(async session =>
        {
            result = await MakeAsync(session, account, name, invitation);
            return result.Account?.Id;
        });
        return result;
    }

    private async ValueTask<(AccountRow? Account, string? Fault)> MakeAsync(
        Session session, AccountRow account, AccountName name, InvitationRow? invitation)
    {
        var isFree = invitation?.Name is not null
            ? await AccountTable.FindAsync(session, name.Text) is null
            : await names.IsFreeAsync(session, name);
        if (!isFree) return (null, Taken(name));
        if (invitation is not null && await InvitationTable.FindAsync(session, invitation.Id) is null)
            return (null, "this invitation was used already");
        if (await AccountTable.AddAsync(session, account) is not { } added) return (null, Taken(name));
        if (invitation is not null) await InvitationTable.RemoveAsync(session, invitation.Id);
        if (invitation is { Organization: { } organization, Role: { } role }
            && await AccountTable.FindAsync(session, organization) is { Kind: AccountKinds.Organization } joined)
        {
            await OrganizationTable.PutMemberAsync(
                session, joined.Id, added.Id, role, account.CreatedAt, invitation.CreatedBy);
        }

        return (added, null);
    }

    /// <summary>The same for a name that somebody has and one that stands for something, which strangers need not know.
    /// </summary>
    private static string Taken(AccountName name) => $"the name {name} is taken or reserved: choose another";
}
