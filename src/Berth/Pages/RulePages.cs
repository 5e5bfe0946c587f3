using System.Globalization;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of rules on tags shows.</summary>
/// <param name="Namespace">Of which namespace; empty: of all.</param>
/// <param name="Rules">A page of them.</param>
/// <param name="Plan">What the rule in the form would remove; null: nobody asked.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record RulesPage(
    string Namespace, PageList<TagRuleView> Rules, TagRulePlan? Plan, FormContent? Sent);

/// <summary>What the page of a rule shows.</summary>
/// <param name="Rule">The rule as it is.</param>
/// <param name="Plan">What it would remove as it is in the form; null: nobody asked.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record RulePage(TagRuleView Rule, TagRulePlan? Plan, FormContent? Sent);

/// <summary>What the page of retention shows.</summary>
internal sealed record RetentionPage(PageList<RetentionRunView> Runs)
{
    /// <summary>Whether one waits or runs.</summary>
    public bool IsBusy => Runs.Items.Any(one => one.EndedAt is null);
}

/// <summary>What the page shows that asks before a run.</summary>
/// <param name="Estimate">What the run would remove.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record RetentionRunPage(RetentionEstimate Estimate, FormContent? Sent);

/// <summary><c>/settings/rules</c> and <c>/settings/retention</c>: which tags stay, go, or never move.</summary>
internal sealed class RulePages(TagRuleEndpoints rules, RetentionEndpoints retention)
{
    public const string Rules = "/settings/rules";
    public const string Preview = Rules + "/preview";
    public const string Retention = "/settings/retention";
    public const string Run = Retention + "/run";

    private const StringSplitOptions Trimmed =
        StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    /// <summary>The longest list of what would go that a page shows.</summary>
    public const int ShownGoing = 200;

    public Task<IResult> ShowRulesAsync(HttpContext http) => ShowRulesAsync(http, sent: null, plan: null);

    /// <summary>Shows what the rule would do, and keeps the form.</summary>
    public Task<IResult> PreviewAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } rule) return new FormAnswer(await AgainAsync(fault!), null);
        var planned = await rules.PlanAsync(http, rule);
        return new FormAnswer(
            planned.Value is { } plan
                ? await ShowRulesAsync(http, new FormContent(Rules, sent), plan) : await AgainAsync(planned.Error!),
            null);

        Task<IResult> AgainAsync(ApiError error) => ShowRulesAsync(http, new FormContent(Rules, sent, error), null);
    });

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } rule) return new FormAnswer(await AgainAsync(fault!), null);
        return await PageForms.EndAsync(
            http, await rules.AddAsync(http, rule), Said.At(PathOf(sent.Text("namespace")), Said.Added), AgainAsync);

        Task<IResult> AgainAsync(ApiError error) => ShowRulesAsync(http, new FormContent(Rules, sent, error), null);
    });

    public Task<IResult> ShowRuleAsync(HttpContext http) => ShowRuleAsync(http, sent: null, plan: null);

    public Task<IResult> ReplaceAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } rule) return new FormAnswer(await AgainAsync(fault!), null);
        return await PageForms.EndAsync(
            http, await rules.ReplaceAsync(http, RouteId.Of(http), rule), Said.At(Rules, Said.Saved), AgainAsync);

        Task<IResult> AgainAsync(ApiError error) =>
            ShowRuleAsync(http, new FormContent(PathOf(RouteId.Of(http)), sent, error), null);
    });

    /// <summary>Shows what the rule would do as it is in the form.</summary>
    public Task<IResult> PreviewChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var path = PathOf(RouteId.Of(http));
        if (TryRead(sent, out var fault) is not { } rule) return new FormAnswer(await AgainAsync(fault!), null);
        var planned = await rules.PlanAsync(http, rule, RouteId.Of(http));
        return new FormAnswer(
            planned.Value is { } plan
                ? await ShowRuleAsync(http, new FormContent(path, sent), plan) : await AgainAsync(planned.Error!),
            null);

        Task<IResult> AgainAsync(ApiError error) => ShowRuleAsync(http, new FormContent(path, sent, error), null);
    });

    public async Task<IResult> AskToRemoveAsync(HttpContext http) => await rules.GetAsync(http, RouteId.Of(http)) is var
        answer && answer.Value is { } rule
            ? new PageResult(new Pages_Confirm
            {
                Model = new Confirmation(
                    new FormContent(http.Request.Path) { Version = $"{rule.Version}" },
                    English.Only.RemoveRuleOf(rule.Names), [English.Only.RuleText(rule), English.Only.RemoveRuleText],
                    English.Only.RemoveRule, Rules),
            })
            : ProblemPage.Of(http, answer.Error!);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async _ =>
        await PageForms.EndAsync(
            http, await rules.RemoveAsync(http, RouteId.Of(http)), Said.At(Rules, Said.Removed),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error))));

    public async Task<IResult> ShowRetentionAsync(HttpContext http) => new PageResult(new Pages_Retention
    {
        Model = new RetentionPage(
            PageList<RetentionRunView>.Of(http, (await retention.ListAsync(http)).Value!)),
    });

    /// <summary>Shows what a run would remove, and asks.</summary>
    public Task<IResult> AskToRunAsync(HttpContext http) => AskToRunAsync(http, sent: null);

    /// <summary>Runs the rules, unless they would remove something else by now than was shown.</summary>
    public Task<IResult> RunAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var found = await retention.EstimateAsync(http);
        var isSeen = found.Value?.Version == sent.Text("version");
        ApiAnswer<RetentionRunView> answer = found.Error is { } error ? error
            : isSeen ? await retention.AddAsync(http, new NewRetentionRun())
            : ApiError.Changed();
        return await PageForms.EndAsync(
            http, answer, Retention, fault => AskToRunAsync(http, new FormContent(Run, sent, fault)));
    });

    private async Task<IResult> AskToRunAsync(HttpContext http, FormContent? sent)
    {
        var found = await retention.EstimateAsync(http);
        return found.Value is { } estimate
            ? new PageResult(
                new Pages_RunRules { Model = new RetentionRunPage(estimate, sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    private async Task<IResult> ShowRulesAsync(HttpContext http, FormContent? sent, TagRulePlan? plan)
    {
        var asked = sent?.Text("namespace", "") ?? http.Request.Query["namespace"].ToString();
        var space = asked.Length > 0 ? asked : http.Caller().IsStaff ? null : http.Caller().Name;
        var listed = await rules.ListAsync(http, space);
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Rules
                {
                    Model = new RulesPage(space ?? "", PageList<TagRuleView>.Of(http, listed.Value!), plan, sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowRuleAsync(HttpContext http, FormContent? sent, TagRulePlan? plan)
    {
        var found = await rules.GetAsync(http, RouteId.Of(http));
        return found.Value is { } rule
            ? new PageResult(
                new Pages_Rule { Model = new RulePage(rule, plan, sent) }, sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    public static string PathOf(long id, string page = "") =>
        $"{Rules}/{id.ToString(CultureInfo.InvariantCulture)}{(page.Length > 0 ? "/" + page : "")}";

    private static string PathOf(string space) =>
        space.Length == 0 ? Rules : $"{Rules}?namespace={Uri.EscapeDataString(space)}";

    /// <summary>The rule that a form describes; null if a field can't be read.</summary>
    private static NewTagRule? TryRead(PageBody sent, out ApiError? fault)
    {
        ApiError? found = null;
        var rule = new NewTagRule(
            sent.Text("names").Trim(), Lines("tags"), Lines("except"), Has("isImmutable"), Has("keepsAlways"),
            Number("keepLastPushed"), Number("keepLastPulled"), Seconds("keepForSeconds"), Text("keepVersions"),
            Text("groupBy"), Seconds("untaggedSeconds"), Seconds("orphanedSeconds"));
        fault = found;
        return found is null ? rule : null;

        string? Text(string name) => sent.Text(name).Trim() is { Length: > 0 } text ? text : null;

        bool? Has(string name) => sent.All(name).Count > 0 ? true : null;

        // A regular expression, which begins with a slash, may have commas in it.
        IReadOnlyList<string>? Lines(string name) => Text(name) is not { } text ? null
            : [.. text.Split(['\n', '\r'], Trimmed).SelectMany(
                line => line.StartsWith('/') ? [line] : line.Split(',', Trimmed))];

        int? Number(string name)
        {
            if (Text(name) is not { } text) return null;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
            found ??= ApiError.Invalid($"{name} is a number").At(name);
            return null;
        }

        double? Seconds(string name)
        {
            if (Text(name) is not { } text) return null;
            if (FormInput.TryParseDuration(text, out var time)) return time.TotalSeconds;
            found ??= ApiError.Invalid($"{name} is a time such as 12h or 30d").At(name);
            return null;
        }
    }
}
