using System.Globalization;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Api;

/// <summary>
/// The repositories that a caller may pull from, filtered and in an order. Where those that come into question are few,
/// all of them are looked up; otherwise the index of the order is walked, past those that the caller must not see. So
/// neither a caller who sees little nor one who sees everything reads more than some index entries for each.
/// </summary>
internal sealed class RepositoryListing(Database database, AccessRules access)
{
    /// <summary>The most that are looked up by their names.</summary>
    private const int MaxNamed = 1000;

    /// <summary>The most patterns of a caller that are sent to the database.</summary>
    private const int MaxRanges = 50;

    private const int ChunkEntries = 1000;
    private const int MaxPlatformChars = 100;
    private const int MaxLabelChars = 300;

    /// <summary>The fields of the query, besides those of each list.</summary>
    public static readonly string[] Fields =
        ["sort", "platform", "type", "label", "official", "visibility", "starred"];

    /// <summary>Whether a request is for all names in their order, which needs none of this.</summary>
    public static bool IsPlain(HttpContext http) =>
        Fields.All(field => http.Request.Query[field] == "" || (field == "sort" && http.Request.Query[field] == "name")
            || http.Request.Query[field].Count == 0);

    /// <summary>The entry that the next page begins after.</summary>
    public static string CursorOf(RepositorySort sort, ListedRepository row) =>
        sort == RepositorySort.Name ? row.Name : $"{row.Key.ToString(CultureInfo.InvariantCulture)}:{row.Name}";

    /// <summary>Reads what the query asks for; an error says what is wrong with it.</summary>
    public static ApiError? TryRead(
        HttpContext http, string? space, out RepositoryFilter filter, out RepositorySort sort,
        out ListedRepository last)
    {
        (filter, sort, last) = (new RepositoryFilter(), RepositorySort.Name, ListedRepository.Start);
        if (Text("sort") is { } order && !TryParse(order, out sort))
            return ApiError.Invalid("sort is name, pushed, pulls or stars");
        if (Text("visibility") is not (null or "public" or "private"))
            return ApiError.Invalid("visibility is public or private");
        foreach (var field in new[] { "official", "starred" })
        {
            if (Text(field) is not (null or "true")) return ApiError.Invalid($"{field} is true, or left out");
        }

        if (Text("platform") is { } platform && (platform.Length > MaxPlatformChars || platform.Contains(' ')))
            return ApiError.Invalid("platform is one such as linux/amd64");
        if (Text("label") is { } label && (label.Length > MaxLabelChars || label.IndexOf('=') < 1))
            return ApiError.Invalid($"label is NAME=VALUE, at most {MaxLabelChars} characters");
        filter = new RepositoryFilter
        {
            Namespace = space,
            Platform = Text("platform"),
            Type = Text("type"),
            LabelFact = Text("label") is { } wanted ? SearchWords.Fact("label", wanted) : null,
            IsPublic = Text("visibility") is { } who ? who == "public" : null,
            IsOfficial = Text("official") is not null,
        };
        return TryReadCursor(http.Page().Last, sort, out last)
            ? null : ApiError.Invalid("last is not from a page of this order");

        string? Text(string name) =>
            http.Request.Query[name].ToString().Split('\0')[0] is { Length: > 0 } text ? text : null;
    }

    /// <summary>A page, with one more than asked for if there are more.</summary>
    /// <param name="http">The request.</param>
    /// <param name="filter">Which.</param>
    /// <param name="sort">The order.</param>
    /// <param name="last">The one that the page begins after.</param>
    /// <param name="named">The only ones that come into question; null: all.</param>
    /// <param name="count">The most.</param>
    public async ValueTask<List<ListedRepository>> ReadAsync(
        HttpContext http, RepositoryFilter filter, RepositorySort sort, ListedRepository last,
        IReadOnlyList<string>? named, int count)
    {
        var visible = await VisibleAsync(http);
        named ??= await FindNamesAsync(http, filter, visible is not null);
        if (named is not null)
        {
            var rows = await database.ReadAsync(
                session => ListedRepositoryTable.FindAsync(session, named, filter, sort), http.RequestAborted);
            return [.. rows.Where(row => IsVisible(visible, row.Name, row.IsPublic) && IsAfter(row, last))
                .OrderByDescending(row => row.Key).ThenBy(row => row.Name, StringComparer.Ordinal).Take(count)];
        }

        var ranges = RangesOf(visible);
        var found = new List<ListedRepository>();
        for (var size = count; found.Count < count; size = Math.Max(size, ChunkEntries))
        {
            var chunk = await database.ReadAsync(
                session => ListedRepositoryTable.ListAsync(session, filter, ranges, sort, last, size),
                http.RequestAborted);
            found.AddRange(chunk.Where(row => IsVisible(visible, row.Name, row.IsPublic)).Take(count - found.Count));
            if (chunk.Count < size) break;
            last = chunk[^1];
        }

        return found;
    }

    /// <summary>Names in a namespace, or in all, after one in their order.</summary>
    public async ValueTask<List<string>> NamesAsync(HttpContext http, string? space, string last, int count)
    {
        var names = new List<string>();
        foreach (var (from, start, end) in RangesOf(space, last))
        {
            if (names.Count < count)
                names.AddRange(await ReadNamesAsync(http, from, start, end, count - names.Count));
        }

        return names;
    }

    /// <summary>Whether the caller may see a repository, by its name and whether it is public.</summary>
    public async ValueTask<Func<string, bool, bool>> VisibilityAsync(HttpContext http)
    {
        var visible = await VisibleAsync(http);
        return (name, isPublic) => IsVisible(visible, name, isPublic);
    }

    /// <summary>Where to look for repositories that the caller may see, and which of what is there that is.</summary>
    /// <param name="http">The request.</param>
    /// <param name="space">Only in this namespace; null: in all.</param>
    public async ValueTask<(RepositoryPlaces Places, Func<string, bool, bool> IsVisible)> PlacesAsync(
        HttpContext http, string? space = null)
    {
        var visible = await VisibleAsync(http);
        var names = await FindNamesAsync(http, new RepositoryFilter { Namespace = space }, visible is not null);
        var places = new RepositoryPlaces(names, names is null ? RangesOf(visible) : null) { Namespace = space };
        return (places, (name, isPublic) => IsVisible(visible, name, isPublic));
    }

    /// <summary>The same where a request names a namespace, a repository or both. A repository that the caller must not
    /// see is as one that is not there.</summary>
    public async ValueTask<(VisiblePlaces? Places, ApiError? Error)> PlacesInAsync(
        HttpContext http, string? space, string? repository)
    {
        if (space is not (null or "") && !RepositoryName.TryParse(space, out _))
            return (null, ApiError.Invalid("namespace is no name of a namespace"));
        if (repository is null or "")
        {
            var (anywhere, isAnyVisible) = await PlacesAsync(http, space is null or "" ? null : space);
            return (new VisiblePlaces(anywhere, isAnyVisible), null);
        }

        if (!RepositoryName.TryParse(repository, out _))
            return (null, ApiError.Invalid("repository is no name of a repository"));
        var isVisible = await VisibilityAsync(http);
        var row = await database.ReadAsync(
            session => NamespaceTable.FindAsync(session, repository), http.RequestAborted);
        var isThere = row is not null && isVisible(repository, row.IsPublic)
            && (space is null or "" || repository == space
                || repository.StartsWith(space + "/", StringComparison.Ordinal));
        return (new VisiblePlaces(new RepositoryPlaces(isThere ? [repository] : [], null), isVisible), null);
    }

    /// <summary>
    /// Where the names of a namespace lie in ordinal order: its own name, and those below it. Others may lie between.
    /// </summary>
    private static IEnumerable<(string Last, string Start, string End)> RangesOf(string? space, string last)
    {
        if (space is null)
        {
            yield return (last, "", "\u007f");
            yield break;
        }

        yield return (last, space, space + "\u0001");
        yield return (last, space + "/", space + "0");
    }

    private async ValueTask<List<string>> ReadNamesAsync(
        HttpContext http, string last, string start, string end, int count)
    {
        var visible = await VisibleAsync(http);
        if (visible is null)
        {
            return await database.ReadAsync(
                session => RepositoryTable.ListBetweenAsync(session, last, start, end, count), http.RequestAborted);
        }

        visible = visible with
        {
            Patterns = [.. visible.Patterns.Where(pattern => Meet(pattern.Range, start, end))],
        };

        // Just before the first name in the range.
        if (start.Length > 0 && string.CompareOrdinal(last, start) < 0)
            last = start[..^1] + (char)(start[^1] - 1) + "\u007f";
        var names = await new VisibleCatalog(database, visible, http.RequestAborted, end)
            .ReadAsync(last, count, skip: 0);
        return names.FindAll(name => string.CompareOrdinal(name, end) < 0);
    }

    private static bool Meet((string Start, string End) range, string start, string end) =>
        string.CompareOrdinal(range.Start, end) < 0 && string.CompareOrdinal(start, range.End) < 0;

    private static List<(string Start, string End)>? RangesOf(VisibleNames? visible) =>
        visible is null || visible.Patterns.Count > MaxRanges
            ? null : visible.Patterns.Select(pattern => pattern.Range).ToList();

    private async ValueTask<VisibleNames?> VisibleAsync(HttpContext http)
    {
        var caller = http.Caller();
        return caller.SeesAll ? null : await access.VisibleAsync(caller.Caller, http.RequestAborted);
    }

    /// <summary>The names of all that come into question, if they are few.</summary>
    private async ValueTask<IReadOnlyList<string>?> FindNamesAsync(
        HttpContext http, RepositoryFilter filter, bool isLimited)
    {
        if (filter.LabelFact is { } fact)
        {
            var labeled = await database.ReadAsync(
                session => ListedRepositoryTable.WithFactAsync(session, fact, MaxNamed + 1), http.RequestAborted);
            if (labeled.Count <= MaxNamed) return labeled;
        }

        if (!filter.IsOfficial && filter.Namespace is null && !isLimited) return null;
        var names = filter.IsOfficial
            ? await database.ReadAsync(
                session => ListedRepositoryTable.OfficialAsync(session, MaxNamed + 1), http.RequestAborted)
            : await NamesAsync(http, filter.Namespace, "", MaxNamed + 1);
        return names.Count > MaxNamed ? null : names;
    }

    private static bool IsVisible(VisibleNames? visible, string name, bool isPublic) => visible is null
        || (visible.IsWithinLimits(name)
            && ((visible.WithPublic && isPublic) || visible.Patterns.Any(pattern => pattern.Matches(name))));

    private static bool IsAfter(ListedRepository row, ListedRepository last) =>
        row.Key < last.Key || (row.Key == last.Key && string.CompareOrdinal(row.Name, last.Name) > 0);

    private static bool TryParse(string text, out RepositorySort sort)
    {
        sort = text switch
        {
            "pushed" => RepositorySort.Pushed,
            "pulls" => RepositorySort.Pulls,
            "stars" => RepositorySort.Stars,
            _ => RepositorySort.Name,
        };
        return sort != RepositorySort.Name || text == "name";
    }

    private static bool TryReadCursor(string text, RepositorySort sort, out ListedRepository last)
    {
        last = ListedRepository.Start;
        if (text.Length == 0) return true;
        if (sort == RepositorySort.Name)
        {
            last = new ListedRepository(text, false, 0);
            return true;
        }

        var end = text.IndexOf(':', StringComparison.Ordinal);
        if (!long.TryParse(
            text.AsSpan(0, Math.Max(end, 0)), NumberStyles.None, CultureInfo.InvariantCulture, out var key))
        {
            return false;
        }

        last = new ListedRepository(text[(end + 1)..], false, key);
        return true;
    }
}

/// <summary>Where to look for repositories that the caller may see.</summary>
/// <param name="Places">Where.</param>
/// <param name="IsVisible">Which of what is there, by the name and whether it is public.</param>
internal sealed record VisiblePlaces(RepositoryPlaces Places, Func<string, bool, bool> IsVisible);
