using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary><c>/waivers</c>: vulnerabilities that policies pass over.</summary>
internal sealed class WaiverEndpoints(
    Database database, AccessChanges changes, Ownership ownership, PolicyNotices notices, TimeProvider clock)
{
    /// <summary>Of a namespace, or of all repositories: nodes remember them all.</summary>
    private const int MaxWaivers = 1000;

    private const int MaxTextChars = 255;
    private const int MaxReasonChars = 1000;

    /// <summary>Those of a namespace, or for staff all.</summary>
    public async Task<ApiAnswer<Listed<WaiverView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var page = http.Page();
        if (await PolicyRights.RefuseListAsync(ownership, http, space) is { } refusal) return refusal;
        var rows = await database.ReadAsync(
            session => WaiverTable.ListAsync(session, space?.ToLowerInvariant(), page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(WaiverView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<WaiverView>> GetAsync(HttpContext http, long id)
    {
        var row = await database.ReadAsync(session => WaiverTable.FindAsync(session, id), http.RequestAborted);
        return row is not null && PolicyRights.MaySee(ownership, http.Caller(), row.Names)
            ? ApiAnswer<WaiverView>.Tagged(WaiverView.Of(row)) : NotFound();
    }

    public async Task<ApiAnswer<WaiverView>> AddAsync(HttpContext http, [FromBody] NewWaiver sent)
    {
        if (Check(http.Caller(), sent, out var waiver) is { } fault) return fault;
        var added = await changes.RunAsync(
            async session => await WaiverTable.CountAsync(session, waiver.Namespace) < MaxWaivers
                ? await WaiverTable.AddAsync(session, waiver) : null,
            http.RequestAborted);
        return added is null
            ? ApiError.Conflict($"there are {MaxWaivers:N0} waivers already: remove those that are over")
            : ApiAnswer<WaiverView>.Made(
                WaiverView.Of(added) with { Notices = await notices.OfAsync(added, http.RequestAborted) });
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, long id) => await changes.RunAsync(
        async session =>
        {
            if (await WaiverTable.FindAsync(session, id) is not { } row
                || !PolicyRights.MaySee(ownership, http.Caller(), row.Names))
            {
                return NotFound();
            }

            if (PolicyRights.Refuse(ownership, http.Caller(), row.Names, row.IsMandatory) is { } refusal)
                return refusal;
            if (!http.IsFor(WaiverView.Of(row))) return ApiError.Changed();
            await WaiverTable.RemoveAsync(session, id);
            return null;
        },
        http.RequestAborted);

    private ApiError? Check(ApiCaller caller, NewWaiver sent, out WaiverRow waiver)
    {
        var space = NamePattern.TryParse(sent.Names, out var names) ? names.Namespace : null;
        waiver = new WaiverRow(
            0, sent.Names, space ?? "", sent.Vulnerability.Trim().ToUpperInvariant(), sent.Package?.Trim() ?? "",
            sent.Reason.Trim(), sent.Until?.ToUniversalTime())
        {
            IsMandatory = caller.IsAdministrator,
            CreatedAt = clock.GetUtcNow(),
            CreatedBy = caller.Name,
        };
        if (space is null && !NamePattern.TryParse(sent.Names, out _))
        {
            return ApiError.Invalid(
                $"'{PlainText.Of(sent.Names)}' matches no repository: write acme/app, acme/* or acme/**").At("names");
        }

        if (FaultOf(waiver.Vulnerability, 1, MaxTextChars) || waiver.Vulnerability.Contains(' '))
            return ApiError.Invalid("vulnerability is the name of one, such as CVE-2024-3094").At("vulnerability");
        if (FaultOf(waiver.Package, 0, MaxTextChars))
            return ApiError.Invalid("package is the name of one, such as openssl").At("package");
        if (FaultOf(waiver.Reason, 1, MaxReasonChars))
        {
            return ApiError.Invalid($"reason says why, in a line of at most {MaxReasonChars:N0} characters")
                .At("reason");
        }

        if (waiver.Until <= waiver.CreatedAt) return ApiError.Invalid("until is in the past").At("until");
        return PolicyRights.Refuse(ownership, caller, sent.Names, isMandatory: false);
    }

    private static bool FaultOf(string text, int least, int most) =>
        text.Length < least || text.Length > most || text.AsSpan().ContainsAnyInRange('\0', '\x1f');

    private static ApiError NotFound() => ApiError.NotFound("such waiver");
}
