using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Policies;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary><c>/policies</c>: what images must be like to be pulled, pushed or promoted.</summary>
internal sealed class PolicyEndpoints(
    Database database, AccessChanges changes, Ownership ownership, PolicyPlanning planning, PolicyNotices notices,
    RegistrySettings settings, TimeProvider clock)
{
    /// <summary>Of a namespace, or of all repositories: each is asked about each image.</summary>
    private const int MaxPolicies = 100;

    /// <summary>Those of a namespace, or for staff all.</summary>
    public async Task<ApiAnswer<Listed<PolicyView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var page = http.Page();
        if (await PolicyRights.RefuseListAsync(ownership, http, space) is { } refusal) return refusal;
        var rows = await database.ReadAsync(
            session => PolicyTable.ListAsync(session, space?.ToLowerInvariant(), page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(PolicyView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<PolicyView>> GetAsync(HttpContext http, long id)
    {
        var row = await database.ReadAsync(session => PolicyTable.FindAsync(session, id), http.RequestAborted);
        return row is not null && PolicyRights.MaySee(ownership, http.Caller(), row.Names)
            ? ApiAnswer<PolicyView>.Of(PolicyView.Of(row), row.Version) : NotFound();
    }

    /// <summary>Which images a policy would be against, as they are now, whether it is saved or not.</summary>
    public async Task<ApiAnswer<PolicyPlan>> PlanAsync(
        HttpContext http, [FromBody] NewPolicy sent, string? last = null)
    {
        if (Check(http.Caller(), sent, out var row) is { } fault) return fault;
        var policy = Policy.TryRead(row, out _)!;
        if (!http.Caller().IsStaff && (ownership.ActionsIn(http.Caller(), policy.Names) & AccessAction.Pull) == 0)
            return ApiError.Denied($"{http.Caller().Name} may not pull from all of {row.Names}");
        return await planning.PlanAsync(http, policy, last);
    }

    public async Task<ApiAnswer<PolicyView>> AddAsync(HttpContext http, [FromBody] NewPolicy sent)
    {
        if (Check(http.Caller(), sent, out var row) is { } fault) return fault;
        row = row with { CreatedAt = clock.GetUtcNow(), CreatedBy = http.Caller().Name };
        var added = await changes.RunAsync(
            async session => await PolicyTable.CountAsync(session, row.Namespace) < MaxPolicies
                ? await PolicyTable.AddAsync(session, row) : null,
            http.RequestAborted);
        return added is null
            ? TooMany() : ApiAnswer<PolicyView>.Made(await ViewAsync(http, added), added.Version);
    }

    public async Task<ApiAnswer<PolicyView>> ReplaceAsync(HttpContext http, long id, [FromBody] NewPolicy sent)
    {
        if (Check(http.Caller(), sent, out var wanted) is { } fault) return fault;
        var (changed, error) = await changes.RunAsync<(PolicyRow? Row, ApiError? Error)>(
            async session =>
            {
                if (await PolicyTable.FindAsync(session, id) is not { } row) return (null, NotFound());
                if (RefuseChange(http, row) is { } refusal) return (null, refusal);
                if (row.Namespace != wanted.Namespace
                    && await PolicyTable.CountAsync(session, wanted.Namespace) >= MaxPolicies)
                {
                    return (null, TooMany());
                }

                return (await PolicyTable.UpdateAsync(
                    session, row with
                    {
                        Names = wanted.Names,
                        Namespace = wanted.Namespace,
                        Spec = wanted.Spec,
                        IsMandatory = sent.IsMandatory ?? row.IsMandatory,
                    }), null);
            },
            http.RequestAborted);
        return changed is null
            ? error! : ApiAnswer<PolicyView>.Of(await ViewAsync(http, changed), changed.Version);
    }

    private async Task<PolicyView> ViewAsync(HttpContext http, PolicyRow row) => PolicyView.Of(row) with
    {
        Notices = await notices.OfAsync(http.Caller(), row, http.RequestAborted),
    };

    public async Task<ApiDone> RemoveAsync(HttpContext http, long id) => await changes.RunAsync(
        async session =>
        {
            if (await PolicyTable.FindAsync(session, id) is not { } row) return NotFound();
            if (RefuseChange(http, row) is { } refusal) return refusal;
            await PolicyTable.RemoveAsync(session, id);
            return null;
        },
        http.RequestAborted);

    private ApiError? RefuseChange(HttpContext http, PolicyRow row)
    {
        if (!PolicyRights.MaySee(ownership, http.Caller(), row.Names)) return NotFound();
        return PolicyRights.Refuse(ownership, http.Caller(), row.Names, row.IsMandatory)
            ?? (http.IsFor(row.Version) ? null : ApiError.Changed());
    }

    private ApiError? Check(ApiCaller caller, NewPolicy sent, out PolicyRow row)
    {
        var space = NamePattern.TryParse(sent.Names, out var names) ? names.Namespace : null;
        row = new PolicyRow(0, sent.Names, space ?? "", sent.ToSpec())
        {
            IsMandatory = sent.IsMandatory ?? caller.IsAdministrator,
        };
        if (sent.Names.Contains('\0')) return ApiError.Invalid("names has no NUL characters").At("names");
        if (Policy.TryRead(row, out var fault) is null) return ApiError.Invalid(fault);
        if (row.Spec.AsksForVulnerabilities && (settings.Vulnerabilities.Sources.Count == 0
            || settings.Contents.Index != ContentsIndexing.Always))
        {
            return ApiError.Invalid(
                "this registry does not look for vulnerabilities of each image, so none would be let through: set "
                + "vulnerabilities.sources first, and contents.index to always");
        }

        return PolicyRights.Refuse(ownership, caller, sent.Names, row.IsMandatory);
    }

    private static ApiError TooMany() =>
        ApiError.Conflict($"there are {MaxPolicies} policies already: remove some, or write wider ones");

    private static ApiError NotFound() => ApiError.NotFound("such policy");
}

/// <summary>Who may see and change policies and waivers.</summary>
internal static class PolicyRights
{
    /// <summary>Whether a caller may list those of a namespace, or all (null); null if so.</summary>
    public static async ValueTask<ApiError?> RefuseListAsync(Ownership ownership, HttpContext http, string? space)
    {
        var caller = http.Caller();
        if (!caller.IsStaff)
        {
            if (space is null)
                return ApiError.Denied("name a namespace: all of them are for administrators and auditors");
            if (!Ownership.TryReadNamespace(space, out var name)
                || !Manages(ownership, caller, NamePattern.ForNamespace(name)))
            {
                return ApiError.NotFound("such namespace");
            }
        }

        return await ownership.FindFaultAsync(space, http.RequestAborted);
    }

    /// <summary>Those of others are not there.</summary>
    public static bool MaySee(Ownership ownership, ApiCaller caller, string names) => caller.IsStaff
        || (NamePattern.TryParse(names, out var pattern) && Manages(ownership, caller, pattern));

    /// <summary>Whether a caller may change what is said of some repositories; null if so.</summary>
    public static ApiError? Refuse(Ownership ownership, ApiCaller caller, string names, bool isMandatory)
    {
        if (isMandatory && !caller.IsAdministrator)
            return ApiError.Denied("what is mandatory is for administrators");
        return NamePattern.TryParse(names, out var pattern) && Manages(ownership, caller, pattern)
            ? null : ApiError.Denied($"{caller.Name} may not manage all of {PlainText.Of(names)}");
    }

    private static bool Manages(Ownership ownership, ApiCaller caller, NamePattern names) =>
        (ownership.ActionsIn(caller, names) & AccessAction.Manage) != 0;
}
