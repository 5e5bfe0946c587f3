using Berth.Access;
using Berth.Distribution;
using Berth.Identity;
using Berth.Metadata;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A link with which somebody may make an account, once.</summary>
internal sealed record InvitationView(
    long Id, string? Name, string? Email, string? Organization, Role? Role, DateTimeOffset CreatedAt, string CreatedBy,
    DateTimeOffset ExpiresAt)
{
    public static InvitationView Of(InvitationRow row) => new(
        row.Id, row.Name, row.Email, row.Organization,
        row.Role is { } role ? OrganizationEndpoints.RoleOf(role) : null, row.CreatedAt, row.CreatedBy, row.ExpiresAt);
}

/// <summary>An invitation to be made. Without a name, whoever gets the link chooses one.</summary>
internal sealed record NewInvitation(
    string? Name = null, string? Email = null, string? Organization = null, Role? Role = null,
    DateTimeOffset? ExpiresAt = null);

/// <summary>An invitation with its link: this is the only time that it is shown.</summary>
internal sealed record MadeInvitation(InvitationView Invitation, string Url) : INoted
{
    ChangeNote INoted.Note => new(
        $"{Invitation.Id}",
        Invitation is { Organization: { } joined, Role: { } role } ? $"{Roles.Word(role)} of {joined}" : null);
}

/// <summary><c>/invitations</c>: accounts that others make for themselves.</summary>
internal sealed class InvitationEndpoints(
    Database database, AccessChanges changes, LocalSettings settings, Locations locations, TimeProvider clock)
{
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(365);

    public async Task<ApiAnswer<Listed<InvitationView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var rows = await database.ReadAsync(
            session => InvitationTable.ListAsync(session, page.LastId, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(InvitationView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<MadeInvitation>> AddAsync(HttpContext http, [FromBody] NewInvitation sent)
    {
        var now = clock.GetUtcNow();
        if (Check(sent, now) is { } fault) return fault;
        var name = AccountName.TryParse(sent.Name, out var parsed) ? parsed : null;
        var secret = TokenSecret.Make(TokenKinds.Invitation);
        var row = new InvitationRow(0, name?.Text, sent.Email)
        {
            Role = sent.Organization is null ? null : Roles.Word(sent.Role ?? Role.Member),
            CreatedAt = now,
            CreatedBy = http.Caller().Name,
            ExpiresAt = sent.ExpiresAt?.ToUniversalTime() ?? now + settings.InvitationLifetime,
        };
        return await changes.RunAsync<ApiAnswer<MadeInvitation>>(
            async session =>
            {
                if (name is not null && await AccountTable.FindAsync(session, name.Text) is not null)
                    return ApiError.Conflict($"the name {name} is taken").At("name");
                var organization = sent.Organization is null
                    ? null : await OrganizationEndpoints.FindAsync(session, sent.Organization);
                if (sent.Organization is not null && organization is null)
                    return ApiError.NotFound($"organization {sent.Organization}").At("organization");
                await InvitationTable.RemoveExpiredAsync(session, now);
                var added = await InvitationTable.AddAsync(session, row, organization?.Id, secret.Hash);
                return ApiAnswer<MadeInvitation>.Made(new MadeInvitation(
                    InvitationView.Of(added with { Organization = organization?.Name }),
                    locations.AbsoluteOf(http, JoinPages.JoinPath + secret.Text)), ApiRequest.OnlyVersion);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, long id) => await changes.RunAsync(
        async session =>
        {
            if (!await InvitationTable.IsThereAsync(session, id)) return ApiError.NotFound("such invitation");
            if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
            await InvitationTable.RemoveAsync(session, id);
            return null;
        },
        http.RequestAborted);

    private ApiError? Check(NewInvitation sent, DateTimeOffset now)
    {
        if (!settings.Enabled)
        {
            return ApiError.Conflict(
                "by these settings, nobody signs in with an account of the database (auth.local.enabled)");
        }

        if (sent.Name is not null && (!AccountName.TryParse(sent.Name, out var name) || name.IsRobot))
            return Field.InvalidName(sent.Name);
        if (Field.FindFault(("email", sent.Email)) is { } fault) return fault;
        if (sent.Role is not null && sent.Organization is null)
            return ApiError.Invalid("role is that in an organization: say in which").At("organization");
        return sent.ExpiresAt is { } end && (end <= now || end > now + MaxLifetime)
            ? ApiError.Invalid("expiresAt is in the past, or more than a year away").At("expiresAt") : null;
    }
}
