using Berth.Access;
using System.Globalization;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of policies shows.</summary>
/// <param name="Spaces">Of which namespace, and which others there are.</param>
/// <param name="Policies">A page of them.</param>
/// <param name="Plan">What the policy in the form would be against; null: nobody asked.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record PoliciesPage(
    PolicySpaces Spaces, PageList<PolicyView> Policies, PolicyPlan? Plan, FormContent? Sent)
{
    /// <summary>The namespace; empty: all.</summary>
    public string Namespace => Spaces.Current ?? "";
}

/// <summary>What the page of a policy shows.</summary>
/// <param name="Policy">The policy as it is.</param>
/// <param name="Plan">What it would be against as it is in the form; null: nobody asked.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record PolicyPage(PolicyView Policy, PolicyPlan? Plan, FormContent? Sent);

/// <summary><c>/settings/policies</c>: what images must be like.</summary>
internal sealed class PolicyPages(PolicyEndpoints policies, MeEndpoints me)
{
    public const string Path = "/settings/policies";
    public const string Preview = Path + "/preview";

    /// <summary>The longest list of images that a page shows.</summary>
    public const int ShownRefused = 200;

    public static string PathOf(long id, string page = "") =>
        $"{Path}/{id.ToString(CultureInfo.InvariantCulture)}{(page.Length > 0 ? "/" + page : "")}";

    public static string PathOf(string space) =>
        space.Length == 0 ? Path : $"{Path}?namespace={Uri.EscapeDataString(space)}";

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null, plan: null);

    /// <summary>Shows what the policy would be against, and keeps the form.</summary>
    public Task<IResult> PreviewAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } policy) return new FormAnswer(await AgainAsync(fault!), null);
        var planned = await policies.PlanAsync(http, policy);
        return new FormAnswer(
            planned.Value is { } plan
                ? await ShowAsync(http, new FormContent(Path, sent), plan) : await AgainAsync(planned.Error!),
            null);

        Task<IResult> AgainAsync(ApiError error) => ShowAsync(http, new FormContent(Path, sent, error), null);
    });

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } policy) return new FormAnswer(await AgainAsync(fault!), null);
        return await PageForms.EndAsync(
            http, await policies.AddAsync(http, policy), Said.At(PathOf(sent.Text("namespace")), Said.Added),
            AgainAsync);

        Task<IResult> AgainAsync(ApiError error) => ShowAsync(http, new FormContent(Path, sent, error), null);
    });

    public Task<IResult> ShowOneAsync(HttpContext http) => ShowOneAsync(http, sent: null, plan: null);

    public Task<IResult> ReplaceAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        if (TryRead(sent, out var fault) is not { } policy) return new FormAnswer(await AgainAsync(fault!), null);
        return await PageForms.EndAsync(
            http, await policies.ReplaceAsync(http, RouteId.Of(http), policy), Said.At(Path, Said.Saved), AgainAsync);

        Task<IResult> AgainAsync(ApiError error) =>
            ShowOneAsync(http, new FormContent(PathOf(RouteId.Of(http)), sent, error), null);
    });

    /// <summary>Shows what the policy would be against as it is in the form.</summary>
    public Task<IResult> PreviewChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var path = PathOf(RouteId.Of(http));
        if (TryRead(sent, out var fault) is not { } policy) return new FormAnswer(await AgainAsync(fault!), null);
        var planned = await policies.PlanAsync(http, policy);
        return new FormAnswer(
            planned.Value is { } plan
                ? await ShowOneAsync(http, new FormContent(path, sent), plan) : await AgainAsync(planned.Error!),
            null);

        Task<IResult> AgainAsync(ApiError error) => ShowOneAsync(http, new FormContent(path, sent, error), null);
    });

    public async Task<IResult> AskToRemoveAsync(HttpContext http) => Confirming.Of(
        http, await policies.GetAsync(http, RouteId.Of(http)), null, (words, one) => words.RemovePolicy(one), Path);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async _ =>
        await PageForms.EndAsync(
            http, await policies.RemoveAsync(http, RouteId.Of(http)), Said.At(Path, Said.Removed),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error))));

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent, PolicyPlan? plan)
    {
        var asked = sent?.Text("namespace", "") ?? http.Request.Query["namespace"].ToString();
        var spaces = await PolicySpaces.ChooseAsync(
            http, me, Role.Maintainer, asked,
            async (context, space) => (await policies.ListAsync(context, space)).Value?.Items.Count > 0);
        var listed = await policies.ListAsync(http, spaces.Current);
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Policies
                {
                    Model = new PoliciesPage(spaces, PageList<PolicyView>.Of(http, listed.Value!), plan, sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowOneAsync(HttpContext http, FormContent? sent, PolicyPlan? plan)
    {
        var found = await policies.GetAsync(http, RouteId.Of(http));
        return found.Value is { } policy
            ? new PageResult(
                new Pages_Policy { Model = new PolicyPage(policy, plan, sent) },
                sent?.Status ?? StatusCodes.Status200OK)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
    }

    /// <summary>The policy that a form describes; null if a field can't be read.</summary>
    private static NewPolicy? TryRead(PageBody sent, out ApiError? fault)
    {
        ApiError? found = null;
        var policy = new NewPolicy(
            sent.Text("names").Trim(), IsMandatory: sent.Optional("who") is { } who ? who == "administrators" : null,
            OnlyWarns: sent.Text("effect") == "warn", On: sent.Checked("on"), Exempt: sent.Words("exempt"),
            MaxSeverity: sent.Optional("maxSeverity"), RefusesExploited: sent.IsChecked("refusesExploited"),
            OnlyFixable: sent.IsChecked("onlyFixable"), FixGraceSeconds: Seconds("fixGraceSeconds"),
            ScanGraceSeconds: Seconds("scanGraceSeconds"), AllowsUnscanned: sent.IsChecked("allowsUnscanned"),
            IsSigned: sent.IsChecked("isSigned"), SignedBy: Lines("signedBy"), HasSbom: sent.IsChecked("hasSbom"),
            HasProvenance: sent.IsChecked("hasProvenance"), Labels: Lines("labels"),
            MaxAgeSeconds: Seconds("maxAgeSeconds"), BaseImages: Lines("baseImages"),
            AllowedLicenses: Lines("allowedLicenses"), DeniedLicenses: Lines("deniedLicenses"),
            AllowsUnknownLicenses: sent.IsChecked("allowsUnknownLicenses"));
        fault = found;
        return found is null ? policy : null;

        // Subjects of identities and values of labels have spaces.
        IReadOnlyList<string>? Lines(string name) => sent.Text(name).Split(
            ['\n', '\r'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            is { Length: > 0 } lines ? lines : null;

        double? Seconds(string name)
        {
            if (sent.Optional(name) is not { } text) return null;
            if (FormInput.TryParseDuration(text, out var time)) return time.TotalSeconds;
            found ??= ApiError.Invalid($"{name} is a time such as 12h or 30d").At(name);
            return null;
        }
    }
}
