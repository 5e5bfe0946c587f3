using System.Security.Cryptography;
using System.Text;
using Berth.Access;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>What becomes of a tag, or of a manifest without any, by the rules.</summary>
internal sealed record RetentionView(string Kind, string Name, string Digest, bool Goes, string Reason)
{
    /// <summary>Where it is; null in the plan of one repository.</summary>
    public string? Repository { get; init; }

    public static IEnumerable<RetentionView> Of(RetentionPreview plan) => plan.Tags
        .Select(one => new RetentionView("tag", one.Tag.Name, one.Tag.Digest, one.Goes, one.Reason))
        .Concat(plan.Untagged.Select(digest => new RetentionView(
            "manifest", digest, digest, Goes: true, "no tag or index holds it")));
}

/// <summary>A run of the rules.</summary>
internal sealed record RetentionRunView(
    long Id, string? Repository, string? Namespace, string State, DateTimeOffset RequestedAt, string RequestedBy,
    DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, long Tags, long Manifests, string? Error) : INoted
{
    ChangeNote INoted.Note => new($"{Id}", Repository ?? Namespace ?? "all", Repository);

    public static RetentionRunView Of(RetentionRun run) => new(
        run.Id, run.Repository, run.Namespace, run.State, run.RequestedAt, run.RequestedBy, run.StartedAt, run.EndedAt,
        run.Tags, run.Manifests, run.Error);
}

/// <summary>What a run would put into the trash, and what is free once that has gone for good.</summary>
/// <param name="Tags">How many tags.</param>
/// <param name="Manifests">How many manifests.</param>
/// <param name="Bytes">What only they need.</param>
/// <param name="SharedBytes">What others need, too.</param>
/// <param name="Going">The first of what would go.</param>
/// <param name="Version">Of all that would go, by which it is noticed that something else would.</param>
internal sealed record RetentionEstimate(
    long Tags, long Manifests, long Bytes, long SharedBytes, IReadOnlyList<RetentionView> Going, string Version)
{
    /// <summary>How many of those that would go are left out.</summary>
    public long? More { get; init; }
}

/// <summary>Where rules are to be run: all without either.</summary>
internal sealed record NewRetentionRun(string? Repository = null, string? Namespace = null);

/// <summary><c>/retention</c>: what the rules on tags would remove, and runs of them.</summary>
internal sealed class RetentionEndpoints(
    Database database, JobTable jobs, Retention retention, Reclaimable reclaimable, PullTimes pulls,
    Ownership ownership, ApiGate gate, TimeProvider clock)
{
    /// <summary>The most that an estimate names.</summary>
    public const int MaxShown = 200;

    private const int VersionBytes = 12;

    /// <summary>What a run would do with each tag, and why, in the order of their names.</summary>
    public async Task<ApiAnswer<Listed<RetentionView>>> PlanAsync(
        HttpContext http, string repository, bool? going = null)
    {
        var page = http.Page();
        if (await FindFaultAsync(http, repository) is { } fault) return fault;
        await pulls.WriteAsync(http.RequestAborted);
        var plan = await retention.PlanAsync(RepositoryName.Parse(repository), http.RequestAborted);
        var all = RetentionView.Of(plan)
            .Where(one => going != true || one.Goes)
            .Where(one => string.CompareOrdinal(one.Name, page.Last) > 0)
            .OrderBy(one => one.Name, StringComparer.Ordinal).Take(page.Count + 1);
        return http.Answer(page, [.. all], one => one.Name);
    }

    /// <summary>What a run would do in all, and how much space that frees.</summary>
    public async Task<ApiAnswer<RetentionEstimate>> EstimateAsync(
        HttpContext http, string? repository = null, [FromQuery(Name = "namespace")] string? space = null)
    {
        if (await RefuseAsync(http, new NewRetentionRun(repository, space)) is { } refusal) return refusal;
        await pulls.WriteAsync(http.RequestAborted);
        var (sets, tags, more) = (new List<GoingManifests>(), 0L, 0L);
        var shown = new List<RetentionView>();
        using var version = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await foreach (var name in retention.RepositoriesAsync(
            repository, space?.ToLowerInvariant(), http.RequestAborted))
        {
            var plan = await retention.PlanAsync(name, http.RequestAborted);
            List<string> going = [.. plan.Tags.Where(one => one.Goes).Select(one => one.Tag.Name)];
            tags += going.Count;
            if (going.Count + plan.Untagged.Count == 0) continue;
            foreach (var one in RetentionView.Of(plan).Where(one => one.Goes))
            {
                version.AppendData(Encoding.UTF8.GetBytes($"{name.Text} {one.Name} {one.Digest}\n"));
                if (shown.Count < MaxShown) shown.Add(one with { Repository = name.Text });
                else more++;
            }

            if (await FindGoingAsync(http, name, going, plan.Untagged) is { } set) sets.Add(set);
        }

        var found = await reclaimable.RunAsync(sets, mayName: null, http.RequestAborted);
        return new RetentionEstimate(
            tags, found.Manifests, found.OwnBytes, found.SharedBytes, shown,
            Convert.ToHexStringLower(version.GetHashAndReset().AsSpan(0, VersionBytes)))
        {
            More = more > 0 ? more : null,
        };
    }

    public async Task<ApiAnswer<Listed<RetentionRunView>>> ListAsync(HttpContext http)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => RetentionTable.ListAsync(session, before, page.Count + 1), http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(RetentionRunView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<RetentionRunView>> GetAsync(HttpContext http, long id)
    {
        var (run, caller) = (
            await database.ReadAsync(session => RetentionTable.FindAsync(session, id), http.RequestAborted),
            http.Caller());

        // Only staff ask for all, and the schedule does, which has a name that a user may have.
        var isOwn = run?.RequestedBy == caller.Name && (run.Repository ?? run.Namespace) is not null;
        return run is not null && (caller.IsStaff || isOwn)
            ? RetentionRunView.Of(run) : ApiError.NotFound("such run");
    }

    public async Task<ApiAnswer<RetentionRunView>> AddAsync(HttpContext http, [FromBody] NewRetentionRun sent)
    {
        if (await RefuseAsync(http, sent) is { } refusal) return refusal;
        await pulls.WriteAsync(http.RequestAborted);
        var run = new RetentionRun(0, sent.Repository, sent.Namespace?.ToLowerInvariant(), CollectionStates.Waiting)
        {
            RequestedAt = clock.GetUtcNow(),
            RequestedBy = http.Caller().Name,
        };
        return ApiAnswer<RetentionRunView>.Made(RetentionRunView.Of(await database.WriteAsync(
            session => RequestedRetentionJob.AddAsync(session, jobs, run), isDurable: true, http.RequestAborted)));
    }

    /// <summary>The manifests that go with tags, and those that have none, with what only they hold.</summary>
    private ValueTask<GoingManifests?> FindGoingAsync(
        HttpContext http, RepositoryName name, List<string> tags, IReadOnlyList<string> untagged) =>
        database.ReadAsync(
            async session =>
            {
                if (await RepositoryTable.FindAsync(session, name) is not { } id) return null;
                var graph = await RepositoryGraph.ReadAsync(session, id);
                var going = graph.GoingWithTags(tags);
                foreach (var digest in untagged) going.UnionWith(graph.GoingWith(digest));
                return GoingManifests.Of(id, name.Text, going);
            },
            http.RequestAborted);

    /// <summary>A name that is mistyped must not look like a repository from which nothing goes.</summary>
    private async ValueTask<ApiError?> FindFaultAsync(HttpContext http, string repository) =>
        await database.ReadAsync(
            session => RepositoryTable.ExistsAsync(session, RepositoryName.Parse(repository)), http.RequestAborted)
            ? null : ApiError.NotFound("such repository");

    private async ValueTask<ApiError?> RefuseAsync(HttpContext http, NewRetentionRun sent)
    {
        var caller = http.Caller();
        if (sent.Repository is not null && sent.Namespace is not null)
            return ApiError.Invalid("name a repository or a namespace");
        if (gate.Refuse(AccessAction.Delete) is { } general) return general;
        if (sent.Repository is not null)
        {
            if (!RepositoryName.TryParse(sent.Repository, out var name)) return ApiError.NotFound("such repository");
            var refusal = caller.IsAdministrator ? null
                : await gate.AskAsync(http, caller, AccessAction.Pull, name)
                    ?? await gate.AskAsync(http, caller, AccessAction.Delete, name);
            return refusal ?? await FindFaultAsync(http, sent.Repository);
        }

        if (caller.IsAdministrator) return await ownership.FindFaultAsync(sent.Namespace, http.RequestAborted);

        if (sent.Namespace is null)
            return ApiError.Denied("name a repository or a namespace: all is for administrators");
        return Ownership.TryReadNamespace(sent.Namespace, out var space)
            && (ownership.ActionsIn(caller, NamePattern.ForNamespace(space)) & AccessAction.Delete) != 0
            ? await ownership.FindFaultAsync(sent.Namespace, http.RequestAborted)
            : ApiError.NotFound("such namespace");
    }
}
