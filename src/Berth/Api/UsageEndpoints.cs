using Berth.Access;
using Berth.Distribution;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>What a repository, a namespace or the registry keeps. Each blob counts once.</summary>
internal sealed record UsageView(
    string Name, long Bytes, long OwnBytes, long TrashBytes, long Blobs, long Manifests, long Tags)
{
    /// <summary>The namespaces of the registry, or the repositories of a namespace, the largest first.</summary>
    public IReadOnlyList<UsageView>? Parts { get; init; }

    /// <summary>How many parts are left out.</summary>
    public long? More { get; init; }

    /// <param name="node">What is kept.</param>
    /// <param name="room">How many parts may yet be shown.</param>
    public static UsageView Of(UsageNode node, ref int room)
    {
        var parts = new List<UsageView>();
        foreach (var part in node.Parts)
        {
            if (room == 0) break;
            room--;
            parts.Add(Of(part, ref room));
        }

        var more = node.Parts.Count - parts.Count;
        return new UsageView(
            node.Name, node.Bytes, node.OwnBytes, node.TrashBytes, node.Blobs, node.Manifests, node.Tags)
        {
            Parts = node.Parts.Count > 0 ? parts : null,
            More = more > 0 ? more : null,
        };
    }
}

/// <summary>What a deletion would free, and what of it stays since others need it, in bytes.</summary>
internal sealed record FreedSpace(long OwnBytes, long SharedBytes);

/// <summary><c>/usage</c>: what is kept, and what a deletion would free.</summary>
internal sealed class UsageEndpoints(
    Database database, RepositoryTable repositories, UsageTree tree, Reclaimable reclaimable, Ownership ownership,
    ApiGate gate)
{
    /// <summary>The most namespaces and repositories of an answer: some 2 MB.</summary>
    private const int MaxParts = 10_000;

    /// <summary>The most repositories of a question about several, each of which takes some queries.</summary>
    private const int MaxRepositories = 1000;

    /// <summary>The most blobs and references of manifests there, which are held in memory: some 150 MB.</summary>
    private const long MaxLinks = 300_000;

    /// <summary>The most blobs and references of a repository that is looked through for a page: some 20 ms.</summary>
    private const long MaxAtOnce = 5000;

    /// <summary>How long a question waits for another one.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    public async Task<ApiAnswer<UsageView>> GetAsync(
        HttpContext http, string? repository = null, [FromQuery(Name = "namespace")] string? space = null)
    {
        if (await AskAsync(http, repository, space) is { } refusal) return refusal;
        space = space?.ToLowerInvariant();
        var root = await tree.ReadAsync(new UsageScope(repository, space), http.RequestAborted);
        var room = MaxParts;
        if (repository is null && space is null) return UsageView.Of(root, ref room);
        var wanted = root.Parts.Find(part => part.Name == (space ?? RepositoryName.Parse(repository!).Namespace));
        if (repository is not null) wanted = wanted?.Parts.Find(part => part.Name == repository);
        return UsageView.Of(wanted ?? new UsageNode((repository ?? space)!), ref room);
    }

    /// <summary>
    /// What would be free without some tags, a manifest, or all of a repository: for who may delete it, since it
    /// takes a while, and tells whether others have the same.
    /// </summary>
    public async Task<ApiAnswer<ReclaimableBytes>> FreeAsync(
        HttpContext http, string repository, [FromQuery(Name = "tag")] string[]? tag = null, string? digest = null,
        string? tags = null)
    {
        if (new[] { tag is { Length: > 0 }, digest is not null, tags is not null }.Count(isThere => isThere) > 1)
            return ApiError.Invalid("name tags, a digest, or a pattern of tags, or none of them for all");
        var caller = http.Caller();
        if (!caller.IsStaff && await gate.AskAsync(
            http, caller, AccessAction.Delete, RepositoryName.Parse(repository)) is { } refusal)
        {
            return refusal;
        }

        var pattern = ReadTags(tags);
        var (set, error) = await database.ReadAsync(
            session => FindAsync(session, repository, tag ?? [], digest, pattern), http.RequestAborted);
        if (set is null) return error!;
        return await reclaimable.RunAsync(
            [set], name => gate.MaySeeAsync(http, name), http.RequestAborted);
    }

    /// <summary>
    /// The same for one tag or manifest, without naming who else needs the rest; null in a repository too large to
    /// count while a page waits.
    /// </summary>
    public async Task<FreedSpace?> FreeAtOnceAsync(HttpContext http, string repository, Reference image)
    {
        var (tag, digest) = (image.Tag?.ToString(), image.Digest?.Text);
        var set = await database.ReadAsync(
            async session => await GarbageForecast.IsLargerAsync(session, repository, MaxAtOnce)
                ? null : (await FindAsync(session, repository, tag is null ? [] : [tag], digest, null)).Set,
            http.RequestAborted);
        if (set is null) return null;
        var found = await reclaimable.RunAsync([set], mayName: null, http.RequestAborted);
        return new FreedSpace(found.OwnBytes, found.SharedBytes);
    }

    /// <summary>
    /// What would be free without some tags, or all, of the repositories that a pattern matches: what they share with
    /// one another too. One such question is answered at a time, since it needs so much memory.
    /// </summary>
    public async Task<ApiAnswer<ReclaimableBytes>> FreeAllAsync(HttpContext http, string names, string? tags = null)
    {
        var caller = http.Caller();
        if (!NamePattern.TryParse(names, out var repositoryPattern))
            return ApiError.Invalid($"'{names}' matches no repository: write acme/app, acme/* or acme/**");
        var actions = ownership.ActionsIn(caller, repositoryPattern);
        foreach (var (action, verb) in new[] { (AccessAction.Pull, "pull"), (AccessAction.Delete, "delete") })
        {
            if (!caller.IsStaff && (actions & action) == 0)
                return ApiError.Denied($"{caller.Name} may not {verb} from all of {names}");
        }

        var pattern = ReadTags(tags);
        using var turn = await reclaimable.TakeTurnAsync(LongestWait, http.RequestAborted);
        return turn is null
            ? ApiError.Conflict("the registry is answering other questions about several repositories: ask again later")
            : await FreeAllAsync(http, repositoryPattern, pattern);
    }

    private async Task<ApiAnswer<ReclaimableBytes>> FreeAllAsync(
        HttpContext http, NamePattern names, TagPattern? pattern)
    {
        var (sets, count, links) = (new List<GoingManifests>(), 0, 0L);
        await foreach (var name in repositories.MatchingAsync(names, http.RequestAborted))
        {
            if (++count > MaxRepositories) return TooMuch($"more than {MaxRepositories:N0} repositories");
            links += await database.ReadAsync(
                session => GarbageForecast.CountSizeAsync(session, name.Text), http.RequestAborted);
            if (links > MaxLinks)
                return TooMuch($"repositories with more than {MaxLinks:N0} blobs and references to them");
            var (set, _) = await database.ReadAsync(
                session => FindAsync(session, name.Text, [], null, pattern), http.RequestAborted);
            if (set is not null) sets.Add(set);
        }

        return sets.Count == 0
            ? ApiError.NotFound($"repository that {names} matches")
            : await reclaimable.RunAsync(sets, name => gate.MaySeeAsync(http, name), http.RequestAborted);

        ApiError TooMuch(string what) => ApiError.Conflict(
            $"{names} matches {what}: ask with narrower patterns, such as one for each namespace, or ask for each "
            + "repository");
    }

    private static TagPattern? ReadTags(string? tags) => tags is null ? null
        : TagPattern.TryParse(tags, out var fault) ?? throw new BadHttpRequestException(fault);

    private static async ValueTask<(GoingManifests? Set, ApiError? Error)> FindAsync(
        Session session, string repository, string[] tags, string? digest, TagPattern? pattern)
    {
        if (await NamespaceTable.FindAsync(session, repository) is null
            || await RepositoryTable.FindAsync(session, RepositoryName.Parse(repository)) is not { } id)
        {
            return (null, ApiError.NotFound("such repository"));
        }

        var graph = await RepositoryGraph.ReadAsync(session, id);
        if (digest is not null)
        {
            return Digest.TryParse(digest, out var parsed) && graph.HasManifest(parsed.Text)
                ? (GoingManifests.Of(id, repository, graph.GoingWith(parsed.Text)), null)
                : (null, ApiError.NotFound("such manifest"));
        }

        if (tags.Length == 0 && pattern is null)
            return (GoingManifests.Of(id, repository, [.. graph.Manifests]) with { IsWhole = true }, null);
        List<string> names = pattern is not null ? [.. graph.Tags.Keys.Where(pattern.IsMatch)]
            : [.. tags.Where(graph.Tags.ContainsKey).Distinct(StringComparer.Ordinal)];
        if (tags.Length > 0 && names.Count == 0) return (null, ApiError.NotFound("such tag"));
        var going = graph.GoingWithTags(names);
        return (new GoingManifests(
            id, repository, going, [.. going.Union(names.Select(name => graph.Tags[name]), StringComparer.Ordinal)])
        {
            Tags = names,
        }, null);
    }

    private async ValueTask<ApiError?> AskAsync(HttpContext http, string? repository, string? space)
    {
        var caller = http.Caller();
        if (repository is not null && space is not null) return ApiError.Invalid("name a repository or a namespace");
        if (repository is not null)
        {
            if (!RepositoryName.TryParse(repository, out var name)) return ApiError.NotFound("such repository");
            if (!caller.IsStaff && await gate.AskAsync(http, caller, AccessAction.Pull, name) is { } refusal)
                return refusal;
            return await database.ReadAsync(
                session => NamespaceTable.FindAsync(session, repository), http.RequestAborted) is null
                ? ApiError.NotFound("such repository") : null;
        }

        return ownership.Ask(caller, space) ?? await ownership.FindFaultAsync(space, http.RequestAborted);
    }
}
