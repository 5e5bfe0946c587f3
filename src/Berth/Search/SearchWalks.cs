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

    /// <summary>Namespaces that are asked for at once, and rows of each of their lanes: most have fewer.</summary>
    private const int NamespacesPerQuery = 8;
    private const int RowsPerNamespace = 100;

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
        var lanes = new List<(SearchLane Lane, List<WalkedWord> Rows, bool IsLast)>();
        foreach (var groups in Lanes(range.Kinds))
        {
            isAll &= !IsSpent;
            if (IsSpent) break;
            var most = groups.Length == 1 ? RowsPerPage : RowsPerNamespace;
            foreach (var (group, rows) in groups.Zip(await WalkAsync(range, groups, null, most)))
            {
                foreach (var (i, lane) in group.Index())
                {
                    var own = rows.FindAll(row => row.Lane == i);
                    lanes.Add((lane, own, own.Count < most));
                }
            }
        }

        foreach (var kind in range.Kinds)
        {
            foreach (var (lane, rows, isLast) in lanes.Where(one => one.Lane.Kind == kind))
                isAll &= await GatherAsync(range, lane, rows, isLast, limit, found);
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

        foreach (var groups in Lanes([SearchKinds.Name]).Where(groups => groups[0][0].Namespace is not null))
        {
            if (IsSpent) break;
            var rows = (await WalkAsync(range, groups, null, RowsPerPage)).SelectMany(group => group).ToList();
            var visible = (await VisibleAsync([.. rows.Select(row => row.RepositoryId).Distinct()]))
                .Select(one => one.Id).ToHashSet();
            words.AddRange(rows.Where(row => visible.Contains(row.RepositoryId)).Select(row => row.Word));
        }

        return [.. words.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <returns>Whether all of the lane was walked.</returns>
    private async ValueTask<bool> GatherAsync(
        WordRange range, SearchLane lane, List<WalkedWord> rows, bool isLast, int limit, HashSet<long> found)
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

            if (isLast) return true;
            if (found.Count >= MaxFound || IsSpent || RowsRead >= limit) return false;
            rows = (await WalkAsync(range, [[lane]], rows[^1], RowsPerPage))[0];
            isLast = rows.Count < RowsPerPage;
        }
    }

    private async ValueTask<List<List<WalkedWord>>> WalkAsync(
        WordRange range, List<SearchLane>[] groups, WalkedWord? after, int most)
    {
        QueriesAsked += groups.Length;
        var rows = await SearchTable.WalkAsync(session, range, groups, after, most);
        RowsRead += rows.Sum(one => one.Count);
        return rows;
    }

    /// <summary>The lanes that are walked at once, in groups of one query each.</summary>
    private IEnumerable<List<SearchLane>[]> Lanes(IReadOnlyList<int> kinds)
    {
        foreach (var scope in places.Scopes)
        {
            if (scope.Namespaces is null)
            {
                yield return [[.. kinds.Select(kind => new SearchLane(null, scope.IsPublic ? true : null, kind))]];
                continue;
            }

            bool[] visibilities = scope.IsPublic ? [true] : [true, false];
            foreach (var spaces in scope.Namespaces.Order(StringComparer.Ordinal).Chunk(NamespacesPerQuery))
            {
                yield return Array.ConvertAll(spaces, space => kinds
                    .SelectMany(kind => visibilities.Select(one => new SearchLane(space, one, kind))).ToList());
            }
        }
    }
}
