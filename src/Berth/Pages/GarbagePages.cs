using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of garbage collection shows.</summary>
/// <param name="Estimate">What a collection would remove now.</param>
/// <param name="Collections">A page of those that were asked for.</param>
/// <param name="Fault">What is wrong with what was typed; null: nothing.</param>
internal sealed record GarbagePage(
    Metadata.GarbageReport Estimate, PageList<CollectionView> Collections, ApiError? Fault)
{
    /// <summary>For how long nothing may have needed it, as it was typed.</summary>
    public string Grace { get; init; } = "";

    /// <summary>Whether the trash is to be emptied, too.</summary>
    public bool EmptiesTrash { get; init; }

    /// <summary>Whether one waits or runs.</summary>
    public bool IsBusy => Collections.Items.Any(one => one.EndedAt is null);
}

/// <summary>What the page of the trash shows.</summary>
/// <param name="Namespace">Whose; empty: the registry's.</param>
/// <param name="Entries">A page of it.</param>
/// <param name="Bytes">What emptying it frees.</param>
/// <param name="Sent">A form that failed.</param>
internal sealed record TrashPage(string Namespace, PageList<TrashView> Entries, long Bytes, FormContent? Sent);

/// <summary><c>/settings/garbage</c> and <c>/settings/trash</c>: what goes, and what can be brought back.</summary>
internal sealed class GarbagePages(
    CollectionEndpoints collections, TrashEndpoints trash, StorageEndpoints storage, UsageEndpoints usage)
{
    public const string Garbage = "/settings/garbage";
    public const string Collecting = Garbage + "/collect";
    public const string Trash = "/settings/trash";
    public const string Emptying = Trash + "/empty";

    private const string First = "?n=1";

    public Task<IResult> ShowGarbageAsync(HttpContext http) => ShowGarbageAsync(http, fault: null);

    /// <summary>Asks before a collection, and names what goes with it.</summary>
    public async Task<IResult> AskToCollectAsync(HttpContext http)
    {
        var (grace, emptiesTrash) = (http.Request.Query["graceSeconds"].ToString(), EmptiesTrash(http));
        if (!TryReadGrace(grace, out var seconds, out var fault))
            return await ShowGarbageAsync(http, fault, grace, emptiesTrash);
        var found = await collections.EstimateAsync(http, seconds, emptiesTrash);
        return found.Value is { } report
            ? Asking(new FormContent(Collecting), grace, emptiesTrash, report)
            : await ShowGarbageAsync(http, found.Error!.At("graceSeconds"), grace, emptiesTrash);
    }

    public Task<IResult> CollectAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (grace, emptiesTrash) = (sent.Text("graceSeconds"), sent.IsChecked("emptyTrash"));
        if (!TryReadGrace(grace, out var seconds, out var fault))
            return new FormAnswer(await ShowGarbageAsync(http, fault, grace, emptiesTrash), null);
        return await PageForms.EndAsync(
            http, await collections.AddAsync(http, new NewCollection(seconds, emptiesTrash)), Garbage, AgainAsync);

        async Task<IResult> AgainAsync(ApiError error) =>
            (await collections.EstimateAsync(http, seconds, emptiesTrash)).Value is { } report
                ? Asking(new FormContent(Collecting, sent, error), grace, emptiesTrash, report)
                : ProblemPage.Of(http, error);
    });

    public Task<IResult> ShowTrashAsync(HttpContext http) => ShowTrashAsync(http, sent: null);

    public Task<IResult> RestoreAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var answer = await trash.RestoreAsync(http, RouteId.Of(http), Read(sent));
        return await PageForms.EndAsync(
            http, answer, Said.At(PathOf(sent.Text("namespace")), Said.Restored, answer.Value?.Repository),
            error => ShowTrashAsync(http, new FormContent($"{Trash}/{RouteId.Of(http)}/restore", sent, error)));
    });

    private static Restoration? Read(PageBody sent) => sent.Text(TrashEndpoints.MoveTags) switch
    {
        "yes" => new Restoration(MoveTags: true),
        "no" => new Restoration(MoveTags: false),
        _ => null,
    };

    public async Task<IResult> AskToEmptyAsync(HttpContext http)
    {
        var space = SpaceOf(http);
        var listed = await PageQuery.AskAsync(http, First, context => trash.ListAsync(context, null, space));
        if (listed.Error is { } error) return ProblemPage.Of(http, error);
        return new PageResult(new Pages_EmptyTrash
        {
            Model = new TrashPage(
                space ?? "", new PageList<TrashView>(listed.Value!.Items, null, true),
                await BytesAsync(http, space), null),
        });
    }

    public Task<IResult> EmptyAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var space = sent.Text("namespace") is { Length: > 0 } given ? given : null;
        return await PageForms.EndAsync(
            http, await trash.EmptyAsync(http, new TrashToEmpty(Namespace: space)),
            Said.At(PathOf(space), Said.Emptied),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error)));
    });

    public static string PathOf(string? space) =>
        string.IsNullOrEmpty(space) ? Trash : $"{Trash}?namespace={Uri.EscapeDataString(space)}";

    private static PageResult Asking(
        FormContent form, string grace, bool emptiesTrash, Metadata.GarbageReport report)
    {
        var warning = English.Only.CollectGarbage(report, emptiesTrash);
        List<(string, string)> hidden = [("graceSeconds", grace)];
        if (emptiesTrash) hidden.Add(("emptyTrash", "yes"));
        return new PageResult(
            new Pages_Confirm
            {
                Model = new Confirmation(form, warning.Question, warning.Losses, warning.Button, Garbage)
                {
                    Hidden = hidden,
                },
            },
            form.Status);
    }

    private static bool EmptiesTrash(HttpContext http) => http.Request.Query["emptyTrash"].Count > 0;

    /// <summary>Reads a time such as 12h; null for none.</summary>
    private static bool TryReadGrace(string text, out double? seconds, out ApiError? fault)
    {
        (seconds, fault) = (null, null);
        if (text.Trim().Length == 0) return true;
        if (FormInput.TryParseDuration(text.Trim(), out var given)) seconds = given.TotalSeconds;
        else fault = ApiError.Invalid("graceSeconds is a time such as 30m, 12h or 7d").At("graceSeconds");
        return fault is null;
    }

    private async Task<IResult> ShowGarbageAsync(
        HttpContext http, ApiError? fault, string grace = "", bool emptiesTrash = false)
    {
        var (listed, estimate) = (await collections.ListAsync(http), await collections.EstimateAsync(http));
        return (listed.Error ?? estimate.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Garbage
                {
                    Model = new GarbagePage(
                        estimate.Value!, PageList<CollectionView>.Of(http, listed.Value!), fault)
                    {
                        Grace = grace,
                        EmptiesTrash = emptiesTrash,
                    },
                },
                fault?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowTrashAsync(HttpContext http, FormContent? sent)
    {
        var space = sent is null ? SpaceOf(http)
            : sent.Text("namespace", "") is { Length: > 0 } given ? given : null;
        var listed = await trash.ListAsync(http, null, space);
        return listed.Error is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Trash
                {
                    Model = new TrashPage(
                        space ?? "", PageList<TrashView>.Of(http, listed.Value!), await BytesAsync(http, space), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }

    /// <summary>Of the registry, as the collector has found so far; of a namespace, as it is now.</summary>
    private async Task<long> BytesAsync(HttpContext http, string? space) => space is null
        ? (await storage.GetAsync(http)).Value!.TrashBytes
        : (await usage.GetAsync(http, null, space)).Value?.TrashBytes ?? 0;

    /// <summary>Who may not see all of the trash begins with their own.</summary>
    private static string? SpaceOf(HttpContext http) =>
        http.Request.Query["namespace"].ToString() is { Length: > 0 } space ? space
        : http.Caller().IsStaff ? null : http.Caller().Name;
}
