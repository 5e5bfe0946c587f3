using System.Globalization;
using Berth.Api;
using Berth.Oci;
using Microsoft.Net.Http.Headers;

namespace Berth.Pages;

/// <summary>What the page that changes a tag shows.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Tag">The tag.</param>
/// <param name="Version">Its version, for the forms.</param>
/// <param name="Rights">What the reader may do.</param>
/// <param name="Sent">The form that was sent, if one was.</param>
internal sealed record TagPage(
    string Repository, TagView Tag, string Version, RepositoryRights Rights, FormContent? Sent);

/// <summary>Changes of tags: one at <c>/r/NAME:TAG/-/tag</c>, and what was selected in the table of tags.</summary>
internal sealed class TagChangePages(TagEndpoints tags, UsageEndpoints usage, ApiGate gate)
{
    public const string Change = "tag";
    public const string Point = "point";
    public const string Copy = "retag";
    public const string Delete = "delete";
    public const string Compare = "compare";

    /// <summary>The most tags of a table.</summary>
    private const int MaxTags = Page.MostEntries;

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    /// <summary>Sets when a tag goes, and whether rules pass over it.</summary>
    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, tag) = Names(http);
        var content = new FormContent(PagePath.OfImage(name, tag, Change), sent);
        if (ReadDay(sent.Text("expiresAt")) is not { } expiry)
        {
            var fault = ApiError.Invalid("write the day as 2027-01-31").At("expiresAt");
            return new FormAnswer(await ShowAsync(http, content with { Error = fault }), null);
        }

        return await PageForms.EndAsync(
            http, await tags.ChangeAsync(http, tag, name, new TagChange(expiry, sent.All("isPinned").Count > 0)),
            PagePath.OfImage(name, tag), error => ShowAsync(http, content with { Error = error }));
    });

    /// <summary>Points a tag to another image of the repository.</summary>
    public Task<IResult> PointAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, tag) = Names(http);
        return await PageForms.EndAsync(
            http, await tags.PutAsync(http, tag, name, new TagTarget(sent.Text("target").Trim())),
            PagePath.OfImage(name, tag),
            error => ShowAsync(
                http, new FormContent(PagePath.OfImage(name, tag, Point), sent, error.At("target"))));
    });

    /// <summary>Gives what a tag points to another tag, which must be new: one that is there is not moved by it.</summary>
    public Task<IResult> CopyAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var ((name, tag), added) = (Names(http), sent.Text("name").Trim());
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var source = await tags.GetAsync(http, tag, name);
        if (source.Value is not { } view) return new FormAnswer(ProblemPage.Of(http, source.Error!), null);
        var taken = (await tags.GetAsync(http, added, name)).Value;
        ApiAnswer<TagView> answer = taken is not null && taken.Digest != view.Digest
            ? ApiError.Conflict($"{added} is there, and points to another image: change that tag instead")
            : await tags.PutAsync(http, added, name, new TagTarget(view.Digest));
        return await PageForms.EndAsync(
            http, answer, PagePath.OfImage(name, added),
            error => ShowAsync(http, new FormContent(PagePath.OfImage(name, tag, Copy), sent, error.At("name"))));
    });

    /// <summary>Asks before tags go, and tells what that would free.</summary>
    public Task<IResult> AskRemovalAsync(HttpContext http) =>
        AskRemovalAsync(http, [.. http.Request.Query["tag"].OfType<string>()], sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var name = NameIn(http);
        var (left, removed, first) = (new List<string>(), new List<string>(), (ApiError?)null);
        foreach (var tag in sent.All("tag").OfType<string>().Distinct(StringComparer.Ordinal).Take(MaxTags))
        {
            var error = (await tags.RemoveAsync(http, tag, name)).Error;

            // One that is gone already is what was asked for.
            if (error is null or { Status: StatusCodes.Status404NotFound }) removed.Add(tag);
            else left.Add(tag);
            first ??= error is { Status: StatusCodes.Status404NotFound } ? null : error;
        }

        http.Features.Set(new ChangeNote(string.Join(' ', removed), null, name));
        if (first is null) return new FormAnswer(PageForms.BackTo(http, PagePath.Of(name)), PagePath.Of(name));
        var partly = first with { Detail = English.Only.SomeDeleted(removed.Count, left.Count, first.Detail) };
        return new FormAnswer(
            await AskRemovalAsync(http, left, new FormContent(PagePath.Of(name, Delete), sent, partly)), null);
    });

    /// <summary>Leads from two selected tags to the page that compares them.</summary>
    public static Task<IResult> CompareAsync(HttpContext http)
    {
        var selected = http.Request.Query["tag"].OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        return Task.FromResult(selected.Count == 2 && selected.TrueForAll(tag => Tag.TryParse(tag, out _))
            ? PageForms.BackTo(
                http,
                PagePath.OfImage(NameIn(http), selected[0], Compare) + "?to=" + Uri.EscapeDataString(selected[1]))
            : ProblemPage.Of(http, ApiError.Invalid("select two tags to compare")));
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var (name, tag) = Names(http);
        var answer = await tags.GetAsync(http, tag, name);
        if (answer.Value is not { } view) return ProblemPage.Of(http, answer.Error!);
        var version = ApiAnswer<TagView>.TagOf(http, view with { ImmutableBy = null }).Trim('"');
        return new PageResult(
            new Pages_Tag
            {
                Model = new TagPage(name, view, version, await RepositoryRights.OfAsync(gate, http, name), sent),
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskRemovalAsync(HttpContext http, List<string> selected, FormContent? sent)
    {
        var name = NameIn(http);
        if (selected.Count is 0 or > MaxTags)
            return ProblemPage.Of(http, ApiError.Invalid("select at least one tag to delete"));
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var free = await usage.FreeAsync(http, name, [.. selected]);
        if (free.Value is not { } bytes) return ProblemPage.Of(http, free.Error!);
        var words = English.Only;
        return new PageResult(
            new Pages_Confirm
            {
                Model = new Confirmation(
                    FormContent.Of(sent, PagePath.Of(name, Delete)), words.AskTagRemoval(name, selected.Count),
                    [words.TagsThatGo(selected), words.TagRemoval(bytes.Manifests), words.WouldFree(bytes.OwnBytes),
                        words.ToTrash],
                    words.DeleteTags(selected.Count), PagePath.Of(name))
                {
                    Hidden = [.. selected.Select(tag => ("tag", tag))],
                    IsOfSettings = false,
                },
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    /// <summary>The start of a day in UTC, or never for no text; null if it is neither.</summary>
    private static ExpiryChange? ReadDay(string text)
    {
        if (text.Length == 0) return new ExpiryChange(IsGiven: true, At: null);
        return DateTimeOffset.TryParseExact(
            text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var day)
            ? new ExpiryChange(IsGiven: true, day) : null;
    }

    private static (string Name, string Tag) Names(HttpContext http) =>
        (NameIn(http), (string)http.GetRouteValue("reference")!);

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;
}
