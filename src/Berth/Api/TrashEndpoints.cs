using Berth.Access;
using Berth.Jobs;
using Berth.Lifecycle;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>An entry of the trash.</summary>
internal sealed record TrashView(
    long Id, string Repository, string Kind, string Name, string? Digest, string Reason, DateTimeOffset DeletedAt,
    string DeletedBy, DateTimeOffset PurgeAt)
{
    /// <summary>Some of its tags; null in a list.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    public static TrashView Of(TrashRow row) => new(
        row.Id, row.Repository, row.Kind, row.Name, row.Digest, row.Reason, row.DeletedAt, row.DeletedBy, row.PurgeAt);
}

/// <summary>How something is to be brought back.</summary>
internal sealed record Restoration(bool? MoveTags = null);

/// <summary>What is to be emptied: all without either.</summary>
internal sealed record TrashToEmpty(string? Repository = null, string? Namespace = null);

/// <summary>What was brought back.</summary>
internal sealed record RestoredView(
    string Repository, int Manifests, IReadOnlyList<string> Tags, IReadOnlyList<string> Taken,
    IReadOnlyList<string> Lost) : INoted
{
    ChangeNote INoted.Note => new(null, $"manifests: {Manifests}, tags: {Tags.Count}", Repository);
}

/// <summary>What is removed for good from now on.</summary>
internal sealed record EmptiedView(int Entries) : INoted
{
    ChangeNote INoted.Note => new(null, $"entries: {Entries}");
}

/// <summary><c>/trash</c>: what was deleted, and can be brought back for a while.</summary>
internal sealed class TrashEndpoints(
    Database database, JobTable jobs, Restoring restoring, Ownership ownership, ApiGate gate, TimeProvider clock)
{
    /// <summary>The field that says what becomes of tags that can't come back as they were.</summary>
    public const string MoveTags = "moveTags";

    /// <summary>The codes of such refusals: the tags may be moved back, a rule keeps them, their manifests are gone.
    /// </summary>
    public const string TagsMoved = "tags-moved";
    private const string TagsImmutable = "tags-immutable";
    private const string ManifestsGone = "manifests-gone";

    private const string Rest = "--keep-tags (over REST, moveTags: false) brings back the rest";

    private const int ShownTags = 1000;

    private const int NamedTags = 5;

    public async Task<ApiAnswer<Listed<TrashView>>> ListAsync(
        HttpContext http, string? repository, [FromQuery(Name = "namespace")] string? space)
    {
        if (await AskAsync(http, repository, space, mayLook: true) is { } refusal) return refusal;
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var rows = await database.ReadAsync(
            session => TrashTable.ListAsync(session, TrashScope.Of(repository, space), before, page.Count + 1),
            http.RequestAborted);
        return http.Answer(page, rows.ConvertAll(TrashView.Of), one => $"{one.Id}");
    }

    public async Task<ApiAnswer<TrashView>> GetAsync(HttpContext http, long id)
    {
        var (row, error) = await FindAsync(http, id, AccessAction.Delete, mayLook: true);
        if (row is null) return error!;
        var tags = await database.ReadAsync(
            session => TrashTable.TagsAsync(session, id, ShownTags), http.RequestAborted);
        return ApiAnswer<TrashView>.Of(
            TrashView.Of(row) with { Tags = tags.ConvertAll(tag => tag.Name) }, ApiRequest.OnlyVersion);
    }

    public async Task<ApiAnswer<RestoredView>> RestoreAsync(
        HttpContext http, long id, [FromBody] Restoration? sent = null)
    {
        var (row, error) = await FindAsync(http, id, AccessAction.Delete | AccessAction.Push);
        if (row is null) return error!;
        if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
        if (gate.Refuse(AccessAction.Push) is { } refusal) return refusal;
        var restored = await restoring.RestoreAsync(row, http.Actor(), sent?.MoveTags, http.RequestAborted);
        if (restored is null) return NoEntry();
        if (restored.IsExposed)
        {
            return ApiError.Conflict(
                $"{row.Repository} is public, and what is in the trash was private: make it private first");
        }

        return restored.IsRefused
            ? Explain(restored).At(MoveTags)
            : new RestoredView(row.Repository, restored.Manifests, restored.Tags, restored.Taken, restored.Lost);
    }

    /// <summary>Why not all of an entry comes back, and how the rest of it does.</summary>
    private static ApiError Explain(Restored restored)
    {
        if (restored.Frozen is { } frozen)
        {
            return Refuse(
                ApiError.Denied, TagsImmutable,
                $"the tag {frozen.Tag} points elsewhere by now, and {frozen.Rule} keeps it there",
                ", and leaves the tag in the trash");
        }

        if (restored.Lost.Count > 0)
        {
            return Refuse(
                ApiError.Conflict, ManifestsGone, $"the manifests of {Names(restored.Lost)} are gone for good", "");
        }

        var isOne = restored.Taken.Count == 1;
        return Refuse(
            ApiError.Conflict, TagsMoved,
            $"{Names(restored.Taken)} {(isOne ? "points" : "point")} elsewhere by now",
            $", and --move-tags (moveTags: true) moves {(isOne ? "it" : "them")} back too");

        static ApiError Refuse(Func<string, ApiError> make, string code, string reason, string besides) =>
            make($"{reason}: {Rest}{besides}") with { Code = code, Reason = reason };

        static string Names(IReadOnlyList<string> tags) => tags.Count == 1
            ? $"the tag {tags[0]}"
            : $"{tags.Count} tags ({string.Join(", ", tags.Take(NamedTags))}{(tags.Count > NamedTags ? ", …" : "")})";
    }

    public async Task<ApiAnswer<EmptiedView>> RemoveAsync(HttpContext http, long id)
    {
        var (row, error) = await FindAsync(http, id, AccessAction.Delete);
        if (row is null) return error!;
        if (!http.IsFor(ApiRequest.OnlyVersion)) return ApiError.Changed();
        return gate.Refuse(AccessAction.Delete) is { } refusal
            ? refusal : await HastenAsync(http, TrashScope.Entry(id));
    }

    public async Task<ApiAnswer<EmptiedView>> EmptyAsync(HttpContext http, [FromBody] TrashToEmpty sent) =>
        await AskAsync(http, sent.Repository, sent.Namespace, mayLook: false) is { } refusal
            ? refusal
            : gate.Refuse(AccessAction.Delete) is { } general
                ? general
                : await HastenAsync(http, TrashScope.Of(sent.Repository, sent.Namespace));

    /// <summary>Makes entries due, and has a node remove what is due.</summary>
    private async Task<ApiAnswer<EmptiedView>> HastenAsync(HttpContext http, TrashScope scope)
    {
        var now = clock.GetUtcNow();
        return await database.WriteAsync<ApiAnswer<EmptiedView>>(
            async session =>
            {
                var count = await TrashTable.HastenAsync(session, scope, now.ToUnixTimeMilliseconds());
                if (count > 0) await PurgeTrashJob.AddAsync(session, jobs);
                return new EmptiedView(count);
            },
            isDurable: true, http.RequestAborted);
    }

    /// <summary>Whether a caller may see, or empty, the trash of a repository, a namespace or the registry.</summary>
    private async ValueTask<ApiError?> AskAsync(HttpContext http, string? repository, string? space, bool mayLook)
    {
        var caller = http.Caller();
        if (repository is not null && space is not null) return ApiError.Invalid("name a repository or a namespace");
        var seesAll = caller.IsAdministrator || (mayLook && caller.IsStaff);
        if (repository is not null)
        {
            if (!RepositoryName.TryParse(repository, out var name)) return ApiError.NotFound("such repository");
            if (!seesAll && await AskAsync(http, caller, AccessAction.Delete, name) is { } refusal) return refusal;

            // One that is in the trash as a whole has its row still.
            return await database.ReadAsync(
                session => RepositoryTable.FindAsync(session, name), http.RequestAborted) is null
                ? ApiError.NotFound("such repository") : null;
        }

        if (seesAll) return await ownership.FindFaultAsync(space, http.RequestAborted);

        if (space is null) return ApiError.Denied("name a repository or a namespace: all is for administrators");
        if (caller.Caller.Limits is not null)
            return ApiError.Denied("this token is limited to what it may do in repositories");
        return Ownership.TryReadNamespace(space, out var owned) && ownership.Owns(caller, owned)
            ? await ownership.FindFaultAsync(space, http.RequestAborted) : ApiError.NotFound("such namespace");
    }

    private async ValueTask<(TrashRow? Row, ApiError? Error)> FindAsync(
        HttpContext http, long id, AccessAction action, bool mayLook = false)
    {
        var row = await database.ReadAsync(session => TrashTable.FindAsync(session, id), http.RequestAborted);
        if (row is null) return (null, NoEntry());

        // Numbers tell nothing: who may not see the repository gets the same answer as if there were no such entry.
        var (caller, name) = (http.Caller(), RepositoryName.Parse(row.Repository));
        if (mayLook && caller.IsStaff) return (row, null);
        return await AskAsync(http, caller, action, name) is { } refusal
            ? (null, refusal.Status == StatusCodes.Status404NotFound ? NoEntry() : refusal) : (row, null);
    }

    /// <summary>What is hidden from somebody is not there.</summary>
    private async ValueTask<ApiError?> AskAsync(
        HttpContext http, ApiCaller caller, AccessAction action, RepositoryName repository) =>
        await gate.AskAsync(http, caller, AccessAction.Pull, repository)
        ?? await gate.AskAsync(http, caller, action, repository);

    private static ApiError NoEntry() => ApiError.NotFound("such entry in the trash");
}
