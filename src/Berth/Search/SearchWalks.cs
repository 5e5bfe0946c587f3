using Berth.Metadata;

namespace Berth.Search;

/// <summary>
/// Walks along the index for one request. Only repositories that the caller may see count, so that however many others
/// stand between them, they are found; what is read for that is bounded, and the same word is walked once.
/// </summary>
internal sealed class SearchWalks(Session session, SearchPlaces places, Func<SearchCandidate, bool> fits)
{
    /// <summary>Repositories that are ranked and counted: more than anybody looks through.</summary>
    public const int MaxFound = 500;

    private const int RowsPerPage = 500;

    /// <summary>A repository may have a word in many tags.</summary>
    private const int RowsPerWalk = 10_000;

    private const int MaxNames = 1000;

    /// <summary>Of one search, with all its words.</summary>
    private const int MaxRows = 40_000;
    private const int MaxQueries = 200;

    private readonly Dictionary<long, SearchCandidate?> known = [];
    private readonly Dictionary<string, (List<long> Ids, bool IsAll)> walked = new(StringComparer.Ordinal);
    /// <summary>Entries of the index that were read.</summary>
    public int RowsRead { get; private set; }

    /// <summary>Queries that were asked.</summary>
    public int QueriesAsked { get; private set; }

    /// <summary>Repositories that were looked up, seen or not.</summary>
    public int RepositoriesRead => known.Count;

    private bool IsSpent => RowsRead >= MaxRows || QueriesAsked >= MaxQueries;

    /// <summary>Repositories that have a word, and whether that was all.</summary>
    public async ValueTask<(List<long> Ids, bool IsAll)> FindAsync(WordRange range)
    {
        var key = string.Join('\n', range.From, range.Before, string.Join(',', range.Kinds));
        if (walked.TryGetValue(key, out var before)) return before;
        var (isAll, found, limit) = (true, new HashSet<long>(), RowsRead + RowsPerWalk);
        var lanes = new List<(SearchLane Lane, List<WalkedWord> Rows)>();
        foreach (var group in Lanes(range.Kinds))
        {
            isAll &= !IsSpent;
            if (IsSpent) break;
            var rows = await WalkAsync(range, group, null);
            lanes.AddRange(group.Select((lane, i) => (lane, rows.FindAll(row => row.Lane == i))));
        }

        foreach (var kind in range.Kinds)
        {
            foreach (var (lane, rows) in lanes.Where(one => one.Lane.Kind == kind))
                isAll &= await GatherAsync(range, lane, rows, limit, found);
        }

        return walked[key] = ([.. found], isAll);
    }

    /// <summary>Those of some repositories that the caller may see, and that the query's filters fit.</summary>
    public async ValueTask<List<SearchCandidate>> VisibleAsync(IReadOnlyCollection<long> ids)
    {
        var unknown = ids.Where(id => !known.ContainsKey(id)).ToHashSet();
        if (unknown.Count > 0)
        {
            QueriesAsked++;
            foreach (var id in unknown) known[id] = null;
            foreach (var one in await SearchTable.CandidatesAsync(session, unknown))
            {
                if (places.MaySee(one) && fits(one)) known[one.Id] = one;
            }
        }

        return [.. ids.Select(id => known[id]).OfType<SearchCandidate>()];
    }

    /// <summary>Different words in names, in order.</summary>
    public async ValueTask<List<string>> NamesAsync(WordRange range)
    {
        var words = new List<string>();
        foreach (var scope in places.Scopes.Where(scope => scope.Namespaces is null))
        {
            QueriesAsked++;
            words.AddRange(await SearchTable.NameWordsAsync(session, range, scope.IsPublic, MaxNames));
        }

        foreach (var group in Lanes([SearchKinds.Name]).Where(group => group[0].Namespace is not null))
        {
            if (IsSpent) break;
            var rows = await WalkAsync(range, group, null);
            var visible = (await VisibleAsync([.. rows.Select(row => row.RepositoryId).Distinct()]))
                .Select(one => one.Id).ToHashSet();
            words.AddRange(rows.Where(row => visible.Contains(row.RepositoryId)).Select(row => row.Word));
        }

        return [.. words.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <returns>Whether all of the lane was walked.</returns>
    private async ValueTask<bool> GatherAsync(
        WordRange range, SearchLane lane, List<WalkedWord> rows, int limit, HashSet<long> found)
    {
        // Where there are enough already, the rest is not looked up.
        if (found.Count >= MaxFound) return rows.Count == 0;
        while (true)
        {
            foreach (var one in await VisibleAsync([.. rows.Select(row => row.RepositoryId).Distinct()]))
            {
                if (found.Count >= MaxFound && !found.Contains(one.Id)) return false;
                found.Add(one.Id);
            }

            if (rows.Count < RowsPerPage) return true;
            if (found.Count >= MaxFound || IsSpent || RowsRead >= limit) return false;
            rows = await WalkAsync(range, [lane], rows[^1]);
        }
    }

    private async ValueTask<List<WalkedWord>> WalkAsync(
        WordRange range, IReadOnlyList<SearchLane> lanes, WalkedWord? after)
    {
        QueriesAsked++;
        var rows = await SearchTable.WalkAsync(session, range, lanes, after, RowsPerPage);
        RowsRead += rows.Count;
        return rows;
    }

    /// <summary>The lanes of one query each.</summary>
    private IEnumerable<List<SearchLane>> Lanes(IReadOnlyList<int> kinds)
    {
        foreach (var scope in places.Scopes)
        {
            if (scope.Namespaces is null)
            {
                yield return [.. kinds.Select(kind => new SearchLane(null, scope.IsPublic ? true : null, kind))];
                continue;
            }

            bool[] visibilities = scope.IsPublic ? [true] : [true, false];
            foreach (var space in scope.Namespaces.Order(StringComparer.Ordinal))
            {
                yield return
                [
                    .. kinds.SelectMany(kind => visibilities.Select(one => new SearchLane(space, one, kind))),
                ];
            }
        }
    }
}
