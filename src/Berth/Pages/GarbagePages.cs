using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>What the page of garbage collection shows.</summary>
/// <param name="Estimate">What a collection would remove now.</param>
/// <param name="Collections">A page of those that were asked for.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record GarbagePage(
    Metadata.GarbageReport Estimate, PageList<CollectionView> Collections, FormContent? Sent)
{
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
    public const string Trash = "/settings/trash";
    public const string Emptying = Trash + "/empty";

    private const string First = "?n=1";

    public Task<IResult> ShowGarbageAsync(HttpContext http) => ShowGarbageAsync(http, sent: null);

    public Task<IResult> CollectAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        double? grace = null;
        if (sent.Text("graceSeconds") is { Length: > 0 } text)
        {
            if (!FormInput.TryParseDuration(text, out var given))
            {
                var fault = ApiError.Invalid("graceSeconds is a time such as 30m, 12h or 7d").At("graceSeconds");
                return new FormAnswer(await ShowGarbageAsync(http, new FormContent(Garbage, sent, fault)), null);
            }

            grace = given.TotalSeconds;
        }

        return await PageForms.EndAsync(
            http, await collections.AddAsync(http, new NewCollection(grace, sent.All("emptyTrash").Count > 0)),
            Garbage, error => ShowGarbageAsync(http, new FormContent(Garbage, sent, error)));
    });

    public Task<IResult> ShowTrashAsync(HttpContext http) => ShowTrashAsync(http, sent: null);

    public Task<IResult> RestoreAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
        await PageForms.EndAsync(
            http, await trash.RestoreAsync(http, RouteId.Of(http), Read(sent)), PathOf(sent.Text("namespace")),
            error => ShowTrashAsync(http, new FormContent($"{Trash}/{RouteId.Of(http)}/restore", sent, error))));

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
            http, await trash.EmptyAsync(http, new TrashToEmpty(Namespace: space)), PathOf(space),
            error => Task.FromResult<IResult>(ProblemPage.Of(http, error)));
    });

    public static string PathOf(string? space) =>
        string.IsNullOrEmpty(space) ? Trash : $"{Trash}?namespace={Uri.EscapeDataString(space)}";

    private async Task<IResult> ShowGarbageAsync(HttpContext http, FormContent? sent)
    {
        var (listed, estimate) = (await collections.ListAsync(http), await collections.EstimateAsync(http));
        return (listed.Error ?? estimate.Error) is { } error
            ? ProblemPage.Of(http, error)
            : new PageResult(
                new Pages_Garbage
                {
                    Model = new GarbagePage(
                        estimate.Value!, PageList<CollectionView>.Of(http, listed.Value!), sent),
                },
                sent?.Status ?? StatusCodes.Status200OK);
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
