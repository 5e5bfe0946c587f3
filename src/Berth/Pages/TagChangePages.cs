using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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

    private const int VersionBytes = 12;

    /// <summary>What else the page that compares is told.</summary>
    private static readonly string[] BesidesTags = ["repository", "platform"];

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, sent: null);

    /// <summary>Sets when a tag goes, and whether rules pass over it.</summary>
    public Task<IResult> ChangeAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, tag) = Names(http);
        var (view, error) = await FindSeenAsync(http);
        var change = new TagChange(IsPinned: sent.All("isPinned").Count > 0);
        if (view is not null && (error = sent.ReadDay("expiresAt", view.ExpiresAt, out var expiry)) is null)
            change = change with { ExpiresAt = expiry };
        ApiAnswer<TagView> answer = error is null ? await tags.ChangeAsync(http, tag, name, change) : error;
        return await PageForms.EndAsync(
            http, answer, PagePath.OfImage(name, tag),
            fault => ShowAsync(http, new FormContent(PagePath.OfImage(name, tag, Change), sent, fault)));
    });

    /// <summary>Points a tag to another image of the repository.</summary>
    public Task<IResult> PointAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var (name, tag) = Names(http);
        var (_, error) = await FindSeenAsync(http);
        ApiAnswer<TagView> answer = error is not null ? error
            : await tags.PutAsync(http, tag, name, new TagTarget(sent.Text("target").Trim()));
        return await PageForms.EndAsync(
            http, answer, PagePath.OfImage(name, tag),
            fault => ShowAsync(
                http, new FormContent(PagePath.OfImage(name, tag, Point), sent, fault.At("target"))));
    });

    /// <summary>Gives what a tag points to another tag, which must be new: one that is there is not moved.</summary>
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

        // What the audit log names.
        if (answer.Error is null) http.Request.RouteValues["reference"] = added;
        return await PageForms.EndAsync(
            http, answer, PagePath.OfImage(name, added),
            error => ShowAsync(http, new FormContent(PagePath.OfImage(name, tag, Copy), sent, error.At("name"))));
    });

    /// <summary>Asks before tags go, and tells what that would free.</summary>
    public Task<IResult> AskRemovalAsync(HttpContext http) => AskRemovalAsync(
        http, [.. http.Request.Query["tag"].OfType<string>()], TagListing.Of(NameIn(http), http.Request.Query),
        sent: null);

    public Task<IResult> RemoveAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        var name = NameIn(http);
        var listing = TagListing.Of(name, sent);
        var (left, removed, first) = (new List<string>(), new List<string>(), (ApiError?)null);
        foreach (var shown in sent.All("tag").Distinct(StringComparer.Ordinal).Take(MaxTags))
        {
            var cut = shown.IndexOf('@', StringComparison.Ordinal);
            var tag = cut < 0 ? shown : shown[..cut];
            var error = await RemoveAsync(http, name, tag, seen: cut < 0 ? null : shown[(cut + 1)..]);

            // One that is gone already is what was asked for.
            if (error is { Status: StatusCodes.Status404NotFound }) continue;
            if (error is null) removed.Add(tag);
            else left.Add(tag);
            first ??= error;
        }

        // Each is an entry of its own, also if others could not go.
        http.Features.Set(new NotedOneByOne([.. removed.Select(tag => new ChangeNote(tag, null, name))]));
        var next = removed.Count > 0 ? Said.At(listing.Path, Said.Deleted) : listing.Path;
        if (first is null) return new FormAnswer(PageForms.BackTo(http, next), next);
        var partly = first with { Detail = English.Only.SomeDeleted(removed.Count, left.Count, first.Detail) };
        var form = new FormContent(PagePath.Of(name, Delete), sent, partly) { IsPartlyDone = removed.Count > 0 };
        return new FormAnswer(await AskRemovalAsync(http, left, listing, form), null);
    });

    /// <summary>Deletes a tag that points to where the reader saw it.</summary>
    private async Task<ApiError?> RemoveAsync(HttpContext http, string name, string tag, string? seen)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        if (seen is not null)
        {
            var (_, error) = await SeenTag.FindAsync(http, tags, name, tag, view => view.Digest == seen);
            if (error is { Status: StatusCodes.Status412PreconditionFailed })
                return ApiError.Conflict(English.Only.PointsElsewhere(tag));
            if (error is not null) return error;
        }

        return (await tags.RemoveAsync(http, tag, name)).Error;
    }

    /// <summary>Leads from two tags that were selected, or typed, to the page that compares them.</summary>
    public static Task<IResult> CompareAsync(HttpContext http)
    {
        var query = http.Request.Query;
        List<string> chosen = [.. query["tag"].OfType<string>().Select(one => one.Trim())];
        var isElsewhere = query["repository"].ToString() is { Length: > 0 } other && other != NameIn(http);
        if (chosen.Count != 2 || (chosen[0] == chosen[1] && !isElsewhere)
            || !chosen.TrueForAll(one => Reference.TryParse(one, out _)))
        {
            return Task.FromResult<IResult>(ProblemPage.Of(http, ApiError.Invalid("select two tags to compare")));
        }

        var fields = BesidesTags.Select(name => KeyValuePair.Create(name, query[name].ToString()))
            .Where(field => field.Value != NameIn(http));
        return Task.FromResult(PageForms.BackTo(
            http, PageQuery.With(PagePath.OfImage(NameIn(http), chosen[0], Compare), fields, "to", chosen[1])));
    }

    private async Task<IResult> ShowAsync(HttpContext http, FormContent? sent)
    {
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var (name, tag) = Names(http);
        var answer = await tags.GetAsync(http, tag, name);
        if (answer.Value is not { } view) return ProblemPage.Of(http, answer.Error!);
        return new PageResult(
            new Pages_Tag
            {
                Model = new TagPage(
                    name, view, VersionOf(view), await RepositoryRights.OfAsync(gate, http, name), sent),
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    private async Task<IResult> AskRemovalAsync(
        HttpContext http, List<string> selected, TagListing listing, FormContent? sent)
    {
        var name = NameIn(http);
        if (selected.Count is 0 or > MaxTags)
            return ProblemPage.Of(http, ApiError.Invalid("select at least one tag to delete"));
        http.Request.Headers.Remove(HeaderNames.IfMatch);
        var found = (await tags.FindSomeAsync(http, name, selected)).ToLookup(tag => tag.ImmutableBy is null);
        var going = found[true].ToList();
        var words = English.Only;
        var losses = found[false].Select(tag => words.TagStays(tag.Name, tag.ImmutableBy!)).ToList();
        if (going.Count == 0)
        {
            return ProblemPage.Of(
                http, sent?.Error ?? (losses.Count > 0 ? ApiError.Conflict(string.Join(" ", losses))
                    : ApiError.NotFound("such tag any more")));
        }

        var names = going.ConvertAll(tag => tag.Name);
        var free = await usage.FreeAsync(http, name, [.. names]);
        if (free.Value is not { } bytes) return ProblemPage.Of(http, free.Error!);
        return new PageResult(
            new Pages_Confirm
            {
                Model = new Confirmation(
                    FormContent.Of(sent, PagePath.Of(name, Delete)), words.AskTagRemoval(name, going.Count),
                    [words.TagsThatGo(names), .. losses, words.TagRemoval(bytes.Manifests),
                        words.WouldFree(bytes.OwnBytes), words.ToTrash],
                    words.DeleteTags(going.Count), listing.Path)
                {
                    Hidden = [.. going.Select(tag => ("tag", $"{tag.Name}@{tag.Digest}")), .. listing.Fields],
                    IsOfSettings = false,
                },
            },
            sent?.Status ?? StatusCodes.Status200OK);
    }

    /// <summary>The tag, if where it points and how long it stays are as the sender of the form saw them.</summary>
    private Task<(TagView? Tag, ApiError? Error)> FindSeenAsync(HttpContext http)
    {
        var (name, tag) = Names(http);
        var seen = http.Request.Headers.IfMatch.ToString().Trim('"');
        return SeenTag.FindAsync(http, tags, name, tag, view => VersionOf(view) == seen);
    }

    private static string VersionOf(TagView tag) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{tag.Digest} {tag.ExpiresAt:O} {tag.IsPinned}"))).AsSpan(0, VersionBytes));

    private static (string Name, string Tag) Names(HttpContext http) =>
        (NameIn(http), (string)http.GetRouteValue("reference")!);

    private static string NameIn(HttpContext http) => (string)http.GetRouteValue("name")!;
}
