using Berth.Api;
using Berth.Identity;
using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>What the page of lists of images in use shows.</summary>
/// <param name="Lists">A page of them.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record PinsPage(PageList<PinListView> Lists, FormContent? Sent);

/// <summary>What the page of a list shows.</summary>
/// <param name="Name">Its name, as the API has it for the reader.</param>
/// <param name="List">The list.</param>
/// <param name="Images">A page of its images.</param>
/// <param name="IsOwn">Whether it is the reader's, who alone replaces it.</param>
/// <param name="Version">Its version.</param>
/// <param name="Sent">The form, if it was sent.</param>
internal sealed record PinListPage(
    string Name, PinListView List, PageList<string> Images, bool IsOwn, string Version, FormContent? Sent)
{
    /// <summary>Whether all of it fits a form.</summary>
    public bool MayType => IsOwn && Images is { IsFirst: true, Next: null };
}

/// <summary><c>/settings/pins</c>: lists of images in use. Each is replaced by whoever posted it.</summary>
internal sealed class PinPages(PinEndpoints pins)
{
    public const string Path = "/settings/pins";
    public const string List = Path + "/list";
    public const string Removal = Path + "/remove";

    public static string PathOf(string list, string path = List) => $"{path}?name={Uri.EscapeDataString(list)}";

    public Task<IResult> ListAsync(HttpContext http) => ListAsync(http, sent: null);

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var list = sent.Text("list").Trim();
        http.Request.RouteValues["list"] = list;
        var fault = sent.ReadDay("expiresAt", out var end);
        if (fault is null && (await FindAsync(http, list)).Value is not null)
            fault = ApiError.Conflict($"you have a list {list} already: change that one").At("list");

        // Nor in the place of one that is posted meanwhile.
        http.Request.Headers.IfMatch = ApiAnswer<PinListView>.TagOf(http, PinEndpoints.NoList);
        return await PutAsync(http, list, sent, fault, end, Said.Added, error => ListAsync(
            http, new FormContent(Path, sent, error)));
    });

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, NameIn(http), sent: null);

    public Task<IResult> ReplaceAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var list = sent.Text("name");
        http.Request.RouteValues["list"] = list;
        var present = await FindAsync(http, list);
        var fault = sent.ReadDay("expiresAt", present.Value?.ExpiresAt, out var end) ?? present.Error;
        return await PutAsync(
            http, list, sent, fault, end.From(present.Value?.ExpiresAt), Said.Saved,
            error => ShowAsync(http, list, new FormContent(List, sent, error)));
    });

    public Task<IResult> AskToRemoveAsync(HttpContext http) => AskToRemoveAsync(http, NameIn(http), sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var list = sent.Text("name");
        http.Request.RouteValues["list"] = list;
        return await PageForms.EndAsync(
            http, await pins.RemoveAsync(http, list), Said.At(Path, Said.Removed),
            error => AskToRemoveAsync(http, list, new FormContent(Removal, sent, error)));
    });

    /// <summary>The API has one's own lists by their names alone, and those of others with the account in front.
    /// </summary>
    private static string NameIn(HttpContext http)
    {
        var (name, own) = (http.Request.Query["name"].ToString(), http.Caller().Name + "/");
        return name.StartsWith(own, StringComparison.Ordinal) ? name[own.Length..] : name;
    }

    /// <summary>A list, without the address of its next page: the answer may show something else.</summary>
    private async Task<ApiAnswer<PinListView>> FindAsync(HttpContext http, string list)
    {
        var found = await pins.GetAsync(http, list);
        http.Response.Headers.Remove(HeaderNames.Link);
        return found;
    }

    private async Task<FormAnswer> PutAsync(
        HttpContext http, string list, PageBody sent, ApiError? fault, DateTimeOffset? end, string said,
        Func<ApiError, Task<IResult>> again)
    {
        ApiAnswer<PinnedView> answer = fault is not null ? fault
            : await pins.PutAsync(http, list, new NewPinList(sent.Words("images") ?? [], end));
        if (answer.Value is not { Ignored.Count: > 0 and var count })
            return await PageForms.EndAsync(http, answer, Said.At(PathOf(list), said), again);

        // What is stored now is shown, with a word on what is not in it.
        answer.Note(http);
        var partly = new FormContent(List, Sent: null, ApiError.Invalid(English.Only.PinsLeftOut(count)).At("images"))
        {
            IsPartlyDone = true,
        };
        return new FormAnswer(await ShowAsync(http, list, partly), PathOf(list));
    }

    private async Task<IResult> ListAsync(HttpContext http, FormContent? sent)
    {
        if (!http.Caller().IsStaff) return ProblemPage.Of(http, sent?.Error ?? ApiError.NotFound("such page"));
        var lists = PageList<PinListView>.Of(http, (await pins.ListAsync(http)).Value!);
        return new PageResult(
            new Pages_Pins { Model = new PinsPage(lists, sent) }, sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> ShowAsync(HttpContext http, string list, FormContent? sent)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var found = await pins.GetAsync(http, list);
        if (found.Value is not { } view) return ProblemPage.Of(http, sent?.Error ?? found.Error!);
        var version = ApiAnswer<PinListView>.TagOf(http, view with { Images = null }).Trim('"');
        return new PageResult(
            new Pages_PinList
            {
                Model = new PinListPage(
                    list, view, PageList<string>.Of(http, new Listed<string>(view.Images!)),
                    !list.Contains('/', StringComparison.Ordinal), version, sent),
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskToRemoveAsync(HttpContext http, string list, FormContent? sent)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var found = await FindAsync(http, list);
        return found.Value is not { } view
            ? ProblemPage.Of(http, sent?.Error ?? found.Error!)
            : new PageResult(
                new Pages_Confirm
                {
                    Model = new Confirmation(
                        FormContent.Of(sent, Removal).For(
                            ApiAnswer<PinListView>.TagOf(http, view with { Images = null }).Trim('"')),
                        English.Only.RemovePinsOf(view.Name), [English.Only.RemovePinsText(view.Count)],
                        English.Only.RemovePins, PathOf(list))
                    {
                        Hidden = [("name", list)],
                    },
                },
                sent?.Status ?? StatusCodes.Status200OK);
    }
}
