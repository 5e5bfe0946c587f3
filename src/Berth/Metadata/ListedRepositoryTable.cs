using System.Data.Common;
using System.Globalization;
using System.Text;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>What a list of repositories is sorted by.</summary>
internal enum RepositorySort
{
    Name,

    /// <summary>When a tag last moved, the latest first.</summary>
    Pushed,

    /// <summary>How often it was pulled from, the most first.</summary>
    Pulls,

    /// <summary>How many have starred it, the most first.</summary>
    Stars,
}

/// <summary>Which repositories a list has. What is null does not matter.</summary>
internal sealed record RepositoryFilter
{
    /// <summary>The type of what is no image and no chart.</summary>
    public const string OtherType = "other";

    public const string ImageType = "image";
    public const string ChartType = "chart";

    public string? Namespace { get; init; }

    /// <summary>What the newest image is for.</summary>
    public string? Platform { get; init; }

    /// <summary>What the newest tag points to: one of these words, or a media type.</summary>
    public string? Type { get; init; }

    /// <summary>The word under which searches find a label that an image of it has.</summary>
    public string? LabelFact { get; init; }

    public bool? IsPublic { get; init; }

    public bool IsOfficial { get; init; }
}

/// <summary>A repository's place in a list.</summary>
/// <param name="Key">What the list is sorted by before the name; 0 if by nothing else.</param>
internal sealed record ListedRepository(string Name, bool IsPublic, long Key)
{
    /// <summary>Before all others.</summary>
    public static ListedRepository Start { get; } = new("", false, long.MaxValue);
}

/// <summary>Lists of repositories in other orders than that of their names: each a walk along an index.</summary>
internal static class ListedRepositoryTable
{
    private const string Chart = "'application/vnd.cncf.helm.config.v1+json'";

    private const string Image =
        $"""
        (coalesce(platforms, '') <> '' OR coalesce(artifact_type, '') IN
            ('{MediaTypes.OciConfig}', '{MediaTypes.DockerConfig}'))
        """;

    /// <summary>Those of these names that hold a manifest and that a filter passes, in no order.</summary>
    public static ValueTask<List<ListedRepository>> FindAsync(
        Session session, IEnumerable<string> names, RepositoryFilter filter, RepositorySort sort)
    {
        var values = new List<object?> { Session.ToTexts(names) };
        return session.AllAsync(
            $"""
            SELECT name, is_public, {KeyOf(sort)} FROM repository
            WHERE name IN ({session.TextsIn("$1")}) AND listed = 1 {Conditions(filter, values)}
            """,
            Read, [.. values]);
    }

    /// <summary>Those that administrators vouch for, so many at most.</summary>
    public static ValueTask<List<string>> OfficialAsync(Session session, int count) => session.AllAsync(
        "SELECT name FROM repository WHERE is_official = 1 AND listed = 1 ORDER BY name LIMIT $1",
        row => row.GetString(0), count);

    /// <summary>Those with an image of which searches know a fact, so many at most.</summary>
    public static ValueTask<List<string>> WithFactAsync(Session session, string fact, int count) => session.AllAsync(
        $"""
        SELECT r.name FROM (SELECT DISTINCT namespace, repository_id FROM search_word
            WHERE kind = {SearchKinds.Fact} AND word = $1 ORDER BY namespace, repository_id LIMIT $2) w
        JOIN repository r ON r.id = w.repository_id
        """,
        row => row.GetString(0), fact, count);

    /// <summary>Those after one in the order of a list, so many at most.</summary>
    /// <param name="session">A read.</param>
    /// <param name="filter">Which.</param>
    /// <param name="ranges">Where their names lie, from one and before another; those that are public too. Null: all.
    /// </param>
    /// <param name="sort">The order.</param>
    /// <param name="last">The one that they come after.</param>
    /// <param name="count">The most.</param>
    public static async ValueTask<List<ListedRepository>> ListAsync(
        Session session, RepositoryFilter filter, IReadOnlyList<(string Start, string End)>? ranges,
        RepositorySort sort, ListedRepository last, int count)
    {
        var key = KeyOf(sort);
        if (sort == RepositorySort.Name)
            return await ReadAsync("name > $1", "name", last.Name, count);

        // First those that are equal but for their names: then each is a walk along the index from one place.
        var found = last == ListedRepository.Start
            ? []
            : await ReadAsync($"{key} = {last.Key} AND name > $1", "name", last.Name, count);
        if (found.Count < count)
        {
            found.AddRange(await ReadAsync(
                $"{key} < {last.Key} AND $1 = $1", $"{key} DESC, name", "", count - found.Count));
        }

        return found;

        ValueTask<List<ListedRepository>> ReadAsync(string where, string order, string name, int most)
        {
            var values = new List<object?> { name, most };
            return session.AllAsync(
                $"""
                SELECT name, is_public, {key} FROM repository
                WHERE {where} AND listed = 1 {Conditions(filter, values)} {Within(ranges, values)}
                ORDER BY {order} LIMIT $2
                """,
                Read, [.. values]);
        }
    }

    private static string KeyOf(RepositorySort sort) => sort switch
    {
        RepositorySort.Pushed => "coalesce(pushed_at, 0)",
        RepositorySort.Pulls => "pulls",
        RepositorySort.Stars => "stars",
        _ => "0",
    };

    private static string Conditions(RepositoryFilter filter, List<object?> values)
    {
        var text = new StringBuilder();
        if (filter.IsOfficial) text.Append(" AND is_official = 1");
        if (filter.IsPublic is { } isPublic) text.Append(isPublic ? " AND is_public = 1" : " AND is_public = 0");
        if (filter.Namespace is { } space) text.Append(InNamespace(space, values));
        if (filter.Platform is { } platform)
        {
            var escaped = platform.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_");
            text.Append(CultureInfo.InvariantCulture,
                $" AND ' ' || platforms || ' ' LIKE {Next($"% {escaped} %")} ESCAPE '\\'");
        }

        if (filter.LabelFact is { } fact)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"""
                 AND EXISTS (SELECT 1 FROM search_word w
                    WHERE w.repository_id = repository.id AND w.word = {Next(fact)} AND w.kind = {SearchKinds.Fact})
                """);
        }

        text.Append(filter.Type switch
        {
            null => "",
            RepositoryFilter.ImageType => $" AND {Image}",
            RepositoryFilter.ChartType => $" AND artifact_type = {Chart}",
            RepositoryFilter.OtherType =>
                $" AND newest_tag IS NOT NULL AND NOT {Image} AND coalesce(artifact_type, '') <> {Chart}",
            _ => $" AND artifact_type = {Next(filter.Type)}",
        });
        return text.ToString();

        string Next(string value)
        {
            values.Add(value);
            return "$" + values.Count.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Those of a namespace, as a condition in SQL.</summary>
    public static string InNamespace(string space, List<object?> values)
    {
        values.AddRange([space, space + "/", space + "0"]);
        var last = values.Count;
        return string.Create(
            CultureInfo.InvariantCulture,
            $" AND (name = ${last - 2} OR (name > ${last - 1} AND name < ${last}))");
    }

    /// <summary>Public ones, and those whose names lie in these ranges, as a condition in SQL; null: any.</summary>
    public static string Within(IReadOnlyList<(string Start, string End)>? ranges, List<object?> values)
    {
        if (ranges is null) return "";
        var text = new StringBuilder(" AND (is_public = 1");
        foreach (var (start, end) in ranges)
        {
            values.Add(start);
            values.Add(end);
            text.Append(
                CultureInfo.InvariantCulture, $" OR (name >= ${values.Count - 1} AND name < ${values.Count})");
        }

        return text.Append(')').ToString();
    }

    private static ListedRepository Read(DbDataReader row) => new(
        row.GetString(0), Convert.ToInt64(row.GetValue(1)) != 0, Convert.ToInt64(row.GetValue(2)));
}
