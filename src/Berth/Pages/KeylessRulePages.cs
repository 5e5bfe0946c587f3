using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of keyless rules shows.</summary>
/// <param name="Rules">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record KeylessRulesPage(PageList<KeylessRuleView> Rules, FormContent? Sent);

/// <summary>What the page of a keyless rule shows.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record KeylessRulePage(KeylessRuleView Rule, FormContent? Sent);

/// <summary><c>/settings/keyless-rules</c>: what tokens of other systems may do here.</summary>
internal sealed class KeylessRulePages(KeylessRuleEndpoints rules)
{
    public const string Path = "/settings/keyless-rules";

    public static string PathOf(string id, string page = "") => $"{Path}/{id}{(page.Length > 0 ? "/" + page : "")}";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await rules.AddAsync(http, RuleIn(sent)), Said.At(Path, Said.Added),
            error => ListAsync(http, new FormContent(Path, sent, error))));

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    public Task<IResult> ReplaceAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await rules.ReplaceAsync(http, IdIn(http), RuleIn(sent)), Said.At(Path, Said.Saved),
            error => ShowAsync(http, new FormContent(http.Request.Path, sent, error))));

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await rules.RemoveAsync(http, IdIn(http)), Said.At(Path, Said.Removed),
            error => AskToRemoveAsync(http, new FormContent(http.Request.Path, sent, error))));

    private static string IdIn(HttpContext http) => (string)http.GetRouteValue("id")!;

    private static NewKeylessRule RuleIn(PageBody sent) => new(
        sent.Text("issuer").Trim(), sent.Text("if").Trim(), sent.All("actions"), sent.Words("names") ?? [],
        sent.Optional("user"));

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        var listed = await rules.ListAsync(http);
        return listed.Value is { } found
            ? new PageResult(
                new Pages_KeylessRules
                {
                    Model = new KeylessRulesPage(PageList<KeylessRuleView>.Of(http, found), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, listed.Error!);
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        var found = await rules.GetAsync(http, IdIn(http));
        return found.Value is { } rule
            ? new PageResult(
                new Pages_KeylessRule { Model = new KeylessRulePage(rule, sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, FormContent? sent) => Confirming.Of(
        http, await rules.GetAsync(http, IdIn(http)), sent, (words, rule) => words.RemoveKeylessRule(rule), Path);
}
