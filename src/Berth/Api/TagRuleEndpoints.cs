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
    string? GroupBy, double? UntaggedSeconds, double? OrphanedSeconds, DateTimeOffset CreatedAt, string CreatedBy,
    long Version) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", Names);

    /// <summary>
    /// How many repositories it is about now; null in a list, and for callers who may not pull from all of them.
    /// </summary>
    public long? MatchedRepositories { get; init; }

    /// <summary>How many tags in them; null as well then.</summary>
    public long? MatchedTags { get; init; }

    /// <summary>True if there may be more, since the count stopped at its limit; else null.</summary>
    public bool? MatchesMore { get; init; }

    public static TagRuleView Of(TagRuleRow row) => new(
        row.Id, row.Names, row.Spec.Tags, row.Spec.Except, row.Spec.IsImmutable, row.Spec.KeepsAlways,
        row.Spec.KeepLastPushed, row.Spec.KeepLastPulled, row.Spec.KeepForSeconds, row.Spec.KeepVersions,
        row.Spec.GroupBy, row.Spec.UntaggedSeconds, row.Spec.OrphanedSeconds, row.CreatedAt, row.CreatedBy,
        row.Version);
}

/// <summary>A rule to be made, or to take the place of another.</summary>
internal sealed record NewTagRule(
    string Names, IReadOnlyList<string>? Tags = null, IReadOnlyList<string>? Except = null, bool? IsImmutable = null,
    bool? KeepsAlways = null, int? KeepLastPushed = null, int? KeepLastPulled = null, double? KeepForSeconds = null,
    string? KeepVersions = null, string? GroupBy = null, double? UntaggedSeconds = null,
    double? OrphanedSeconds = null)
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
        OrphanedSeconds = OrphanedSeconds,
    };
}

/// <summary>What would go if a rule counted that is not saved.</summary>
internal sealed record TagRulePlan(
    long MatchedRepositories, long MatchedTags, long Tags, long Manifests, IReadOnlyList<RetentionView> Going)
{
    /// <summary>How many of those that would go are left out.</summary>
    public long? More { get; init; }

    public static TagRulePlan Of(PreviewedRule found)
    {
        List<RetentionView> going =
        [
            .. found.Going.SelectMany(one => RetentionView.Of(one.Plan).Select(
                view => view with { Repository = one.Repository })),
        ];
        var more = found.Tags + found.Untagged - going.Count;
        return new TagRulePlan(
            found.Matches.Repositories, found.Matches.Tags, found.Tags, found.Untagged, going)
        {
            More = more > 0 ? more : null,
        };
    }
}

/// <summary><c>/tag-rules</c>: which tags of which repositories stay, go, or never move.</summary>
internal sealed partial class TagRuleEndpoints(
    Database database, AccessChanges changes, Ownership ownership, RetentionSettings settings, RulePreview preview,
    PullTimes pulls, TimeProvider clock, ILogger<TagRuleEndpoints> log)
{
    private const int MaxPatterns = 50;

    /// <summary>The most tags and manifests of a plan: some 3 MB.</summary>
    private const int MaxPlanned = 10_000;

    /// <summary>Those of a namespace, or for staff all.</summary>
    public async Task<ApiAnswer<Listed<TagRuleView>>> ListAsync(
        HttpContext http, [FromQuery(Name = "namespace")] string? space)
    {
        var (caller, page) = (http.Caller(), http.Page());
        if (!caller.IsStaff)
        {
            if (space is null)
                return ApiError.Denied("name a namespace: all rules are for administrators and auditors");
            if (!Ownership.TryReadNamespace(space, out var name) || !Manages(caller, NamePattern.ForNamespace(name)))
                return ApiError.NotFound("such namespace");
        }

        if (await ownership.FindFaultAsync(space, http.RequestAborted) is { } fault) return fault;
        var rows = await database.ReadAsync(
            session => TagRuleTable.ListAsync(session, space?.ToLowerInvariant(), page.LastId, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(TagRuleView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<TagRuleView>> GetAsync(HttpContext http, long id)
    {
        var row = await database.ReadAsync(session => TagRuleTable.FindAsync(session, id), http.RequestAborted);
        return row is not null && MaySee(http.Caller(), row)
            ? ApiAnswer<TagRuleView>.Of(await ViewAsync(http, row), row.Version) : NotFound();
    }

    /// <summary>
    /// What would go, and why, with a rule that is not saved: for those who may save it, and see what it is about.
    /// </summary>
    public async Task<ApiAnswer<TagRulePlan>> PlanAsync(
        HttpContext http, [FromBody] NewTagRule sent, long? replaces = null)
    {
        var caller = http.Caller();
        if (Check(caller, sent, out var row) is { } fault) return fault;
        TagRule? replaced = null;
        if (replaces is { } id)
        {
            var found = await database.ReadAsync(session => TagRuleTable.FindAsync(session, id), http.RequestAborted);
            if (found is null || !MaySee(caller, found)) return NotFound();
            if (Refuse(caller, found.Names) is { } refusal) return refusal;
            replaced = TagRule.TryRead(found, out _);
            row = row with { Id = id };
        }
        else if (await database.ReadAsync(session => FindExcessAsync(session, row), http.RequestAborted) is { } excess)
        {
            return excess;
        }

        var rule = TagRule.TryRead(row, out _)!;
        foreach (var names in new[] { rule.Names, replaced?.Names ?? rule.Names })
        {
            if (!MayPull(caller, names))
                return ApiError.Denied($"{caller.Name} may not pull from all of {names}");
        }

        await pulls.WriteAsync(http.RequestAborted);
        return TagRulePlan.Of(await preview.PlanAsync(rule, replaced, MaxPlanned, http.RequestAborted));
    }

    public async Task<ApiAnswer<TagRuleView>> AddAsync(HttpContext http, [FromBody] NewTagRule sent)
    {
        if (Check(http.Caller(), sent, out var rule) is { } fault) return fault;
        rule = rule with { CreatedAt = clock.GetUtcNow(), CreatedBy = http.Caller().Name };
        var (added, error) = await changes.RunAsync<(TagRuleRow? Row, ApiError? Error)>(
            async session => await FindExcessAsync(session, rule) is { } excess
                ? (null, excess) : (await TagRuleTable.AddAsync(session, rule), null),
            http.RequestAborted);
        return added is null ? error! : ApiAnswer<TagRuleView>.Made(await ViewSavedAsync(http, added), added.Version);
    }

    public async Task<ApiAnswer<TagRuleView>> ReplaceAsync(HttpContext http, long id, [FromBody] NewTagRule sent)
    {
        if (Check(http.Caller(), sent, out var rule) is { } fault) return fault;
        var (changed, error) = await changes.RunAsync<(TagRuleRow? Row, ApiError? Error)>(
            async session =>
            {
                if (await TagRuleTable.FindAsync(session, id) is not { } row || !MaySee(http.Caller(), row))
                    return (null, NotFound());
                if (Refuse(http.Caller(), row.Names) is { } refusal) return (null, refusal);
                if (!http.IsFor(row.Version)) return (null, ApiError.Changed());
                return (await TagRuleTable.UpdateAsync(
                    session, row with { Names = rule.Names, Namespace = rule.Namespace, Spec = rule.Spec }), null);
            },
            http.RequestAborted);
        return changed is null
            ? error! : ApiAnswer<TagRuleView>.Of(await ViewSavedAsync(http, changed), changed.Version);
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

    /// <summary>
    /// A rule that is saved. That is what the answer and the audit log say, whatever happens to the count.
    /// </summary>
    private async Task<TagRuleView> ViewSavedAsync(HttpContext http, TagRuleRow row)
    {
        try
        {
            return await ViewAsync(http, row);
        }
        catch (Exception e)
        {
            if (e is not OperationCanceledException) LogNotCounted(e, row.Id);
            return TagRuleView.Of(row);
        }
    }

    /// <summary>With what it is about now: a pattern that is mistyped matches nothing.</summary>
    private async Task<TagRuleView> ViewAsync(HttpContext http, TagRuleRow row)
    {
        var view = TagRuleView.Of(row);
        if (TagRule.TryRead(row, out _) is not { } rule || !MayPull(http.Caller(), rule.Names)) return view;
        var found = await preview.CountAsync(rule, http.RequestAborted);
        return view with
        {
            MatchedRepositories = found.Repositories,
            MatchedTags = found.Tags,
            MatchesMore = found.IsMore ? true : null,
        };
    }

    private async ValueTask<ApiError?> FindExcessAsync(Session session, TagRuleRow rule) =>
        await TagRuleTable.CountAsync(session, rule.Namespace) < settings.MaxRules ? null : ApiError.Conflict(
            $"there are {settings.MaxRules} rules already (storage.maintenance.retention.maxrules): "
            + "remove some, or write wider ones");

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

    /// <summary>Whether a caller may know what is in all repositories that a pattern matches.</summary>
    private bool MayPull(ApiCaller caller, NamePattern names) =>
        caller.IsStaff || (ownership.ActionsIn(caller, names) & AccessAction.Pull) != 0;

    /// <summary>Rules of others are not there.</summary>
    private bool MaySee(ApiCaller caller, TagRuleRow row) =>
        caller.IsStaff || (NamePattern.TryParse(row.Names, out var names) && Manages(caller, names));

    private static ApiError NotFound() => ApiError.NotFound("such rule");

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Rule {Id} is saved, but what it matches could not be counted")]
    private partial void LogNotCounted(Exception e, long id);
}
