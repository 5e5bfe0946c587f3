using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A rule on tags: which stay, go, or never move.</summary>
internal sealed record TagRuleView(
    long Id, string Names, IReadOnlyList<string> Tags, IReadOnlyList<string> Except, bool IsImmutable,
    bool KeepsAlways, int? KeepLastPushed, int? KeepLastPulled, double? KeepForSeconds, string? KeepVersions,
    string? GroupBy, double? UntaggedSeconds, DateTimeOffset CreatedAt, string CreatedBy, long Version) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", Names);

    public static TagRuleView Of(TagRuleRow row) => new(
        row.Id, row.Names, row.Spec.Tags, row.Spec.Except, row.Spec.IsImmutable, row.Spec.KeepsAlways,
        row.Spec.KeepLastPushed, row.Spec.KeepLastPulled, row.Spec.KeepForSeconds, row.Spec.KeepVersions,
        row.Spec.GroupBy, row.Spec.UntaggedSeconds, row.CreatedAt, row.CreatedBy, row.Version);
}

/// <summary>A rule to be made, or to take the place of another.</summary>
internal sealed record NewTagRule(
    string Names, IReadOnlyList<string>? Tags = null, IReadOnlyList<string>? Except = null, bool? IsImmutable = null,
    bool? KeepsAlways = null, int? KeepLastPushed = null, int? KeepLastPulled = null, double? KeepForSeconds = null,
    string? KeepVersions = null, string? GroupBy = null, double? UntaggedSeconds = null)
{
    public TagRuleSpec ToSpec() => new()
    {
        Tags = Tags ?? [],
        Except = Except ?? [],
        IsImmutable = IsImmutable == true,
        KeepsAlways = KeepsAlways == true,
        KeepLastPushed = KeepLastPushed,
        KeepLastPulled = KeepLastPulled,
        KeepForSeconds = KeepForSeconds,
        KeepVersions = KeepVersions,
        GroupBy = GroupBy,
        UntaggedSeconds = UntaggedSeconds,
    };
}

/// <summary><c>/tag-rules</c>: which tags of which repositories stay, go, or never move.</summary>
internal sealed class TagRuleEndpoints(
    Database database, AccessChanges changes, Ownership ownership, RetentionSettings settings, TimeProvider clock)
{
    private const int MaxPatterns = 50;

    /// <summary>Those of a namespace, or for staff all.</summary>
    public async Task<ApiAnswer<Listed<TagRuleView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var (caller, page) = (http.Caller(), http.Page());
        if (!caller.IsStaff)
        {
            if (space is null)
                return ApiError.Denied("name a namespace: all rules are for administrators and auditors");
            if (!AccountName.TryParse(space, out var name) || !Manages(caller, NamePattern.ForNamespace(name.Text)))
                return ApiError.NotFound("such namespace");
        }

        var rows = await database.ReadAsync(
            session => TagRuleTable.ListAsync(session, space?.ToLowerInvariant(), page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(TagRuleView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<TagRuleView>> GetAsync(HttpContext http, long id)
    {
        var row = await database.ReadAsync(session => TagRuleTable.FindAsync(session, id), http.RequestAborted);
        return row is not null && MaySee(http.Caller(), row)
            ? ApiAnswer<TagRuleView>.Of(TagRuleView.Of(row), row.Version) : NotFound();
    }

    public async Task<ApiAnswer<TagRuleView>> AddAsync(HttpContext http, [FromBody] NewTagRule sent)
    {
        if (Check(http.Caller(), sent, out var rule) is { } fault) return fault;
        rule = rule with { CreatedAt = clock.GetUtcNow(), CreatedBy = http.Caller().Name };
        return await changes.RunAsync<ApiAnswer<TagRuleView>>(
            async session =>
            {
                if (await TagRuleTable.CountAsync(session, rule.Namespace) >= settings.MaxRules)
                {
                    return ApiError.Conflict(
                        $"there are {settings.MaxRules} rules already (storage.maintenance.retention.maxrules): "
                        + "remove some, or write wider ones");
                }

                var added = await TagRuleTable.AddAsync(session, rule);
                return ApiAnswer<TagRuleView>.Made(TagRuleView.Of(added), added.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiAnswer<TagRuleView>> ReplaceAsync(HttpContext http, long id, [FromBody] NewTagRule sent)
    {
        if (Check(http.Caller(), sent, out var rule) is { } fault) return fault;
        return await changes.RunAsync<ApiAnswer<TagRuleView>>(
            async session =>
            {
                if (await TagRuleTable.FindAsync(session, id) is not { } row || !MaySee(http.Caller(), row))
                    return NotFound();
                if (Refuse(http.Caller(), row.Names) is { } refusal) return refusal;
                if (!http.IsFor(row.Version)) return ApiError.Changed();
                var changed = await TagRuleTable.UpdateAsync(
                    session, row with { Names = rule.Names, Namespace = rule.Namespace, Spec = rule.Spec });
                return ApiAnswer<TagRuleView>.Of(TagRuleView.Of(changed), changed.Version);
            },
            http.RequestAborted);
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, long id) => await changes.RunAsync(
        async session =>
        {
            if (await TagRuleTable.FindAsync(session, id) is not { } row || !MaySee(http.Caller(), row))
                return NotFound();
            if (Refuse(http.Caller(), row.Names) is { } refusal) return refusal;
            if (!http.IsFor(row.Version)) return ApiError.Changed();
            await TagRuleTable.RemoveAsync(session, id);
            return null;
        },
        http.RequestAborted);

    private ApiError? Check(ApiCaller caller, NewTagRule sent, out TagRuleRow rule)
    {
        var space = NamePattern.TryParse(sent.Names, out var names) ? names.Namespace : null;
        rule = new TagRuleRow(0, sent.Names, space ?? "", sent.ToSpec());
        if (sent.Tags?.Count > MaxPatterns || sent.Except?.Count > MaxPatterns)
            return ApiError.Invalid($"a rule has at most {MaxPatterns} patterns of tags");
        if (sent.Names.Contains('\0')) return ApiError.Invalid("names has no NUL characters");
        return TagRule.TryRead(rule, out var fault) is null ? ApiError.Invalid(fault) : Refuse(caller, sent.Names);
    }

    private ApiError? Refuse(ApiCaller caller, string names) =>
        NamePattern.TryParse(names, out var pattern) && Manages(caller, pattern)
            ? null : ApiError.Denied($"{caller.Name} may not manage all of {names}");

    private bool Manages(ApiCaller caller, NamePattern names) =>
        (ownership.ActionsIn(caller, names) & AccessAction.Manage) != 0;

    /// <summary>Rules of others are not there.</summary>
    private bool MaySee(ApiCaller caller, TagRuleRow row) =>
        caller.IsStaff || (NamePattern.TryParse(row.Names, out var names) && Manages(caller, names));

    private static ApiError NotFound() => ApiError.NotFound("such rule");
}
