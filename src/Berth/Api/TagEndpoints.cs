using System.Text.RegularExpressions;
using Berth.Access;
using Berth.Distribution;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Scanning;
using Berth.Settings;
using Microsoft.AspNetCore.Mvc;

namespace Berth.Api;

/// <summary>A tag of a repository, and what it points to.</summary>
internal sealed record TagView(
    string Name, string Digest, string MediaType, DateTimeOffset MovedAt, string? MovedBy, DateTimeOffset PushedAt,
    string? PushedBy, DateTimeOffset? PulledAt, DateTimeOffset? ExpiresAt, bool IsPinned,
    IReadOnlyList<string>? Platforms, long? ContentBytes, DateTimeOffset? BuiltAt, string? ArtifactType) : INoted
{
    ChangeNote INoted.Note => new(Name, Digest);

    /// <summary>The rule that makes it immutable, so that it does not expire; null in the answer to a change.</summary>
    public string? ImmutableBy { get; init; }

    /// <summary>How many vulnerabilities its image has; of an index, the most of any of its images. Null if that is not
    /// known, and in the answer to a change.</summary>
    public VulnerabilityCountsView? Vulnerabilities { get; init; }

    public static TagView Of(HttpContext http, TagRow row) => new(
        row.Name, row.Digest, row.MediaType, row.MovedAt, http.NameFor(row.MovedBy), row.PushedAt,
        http.NameFor(row.PushedBy), row.PulledAt, row.ExpiresAt,
        row.IsPinned, row.Platforms, row.ContentBytes, row.BuiltAt, row.ArtifactType);
}

/// <summary>A tag that somebody has chosen from a list.</summary>
internal sealed record SelectedTag(string Name, string Digest, string? ImmutableBy);

/// <summary>How many tags there are, as far as they are counted for a page.</summary>
/// <param name="Tags">The number.</param>
/// <param name="HasMore">Whether there may be more.</param>
internal sealed record TagCount(long Tags, bool HasMore);

/// <summary>A change of a tag, besides where it points.</summary>
internal sealed record TagChange(ExpiryChange ExpiresAt = default, bool? IsPinned = null);

/// <summary>Where a tag is to point.</summary>
internal sealed record TagTarget(string Target);

/// <summary>A move of a tag; without a digest, it was deleted.</summary>
internal sealed record TagMoveView(
    long Id, string? Digest, bool IsGone, string Action, DateTimeOffset MovedAt, string? MovedBy, string? Address);

/// <summary><c>/tags</c>: the tags of the repository in the query, where they point, and where they pointed.</summary>
internal sealed partial class TagEndpoints(
    Database database, TagMoves moves, Removal removal, TagRules rules, ApiGate gate, Promotions promotions,
    RegistrySettings settings,
    TimeProvider clock)
{
    private const int MostCounted = 1000;

    public async Task<ApiAnswer<Listed<TagView>>> ListAsync(
        HttpContext http, string repository, string? matching = null, string? pointsTo = null, string? sort = null,
        bool? attached = null)
    {
        var page = http.Page();
        if (!RepositoryName.TryParse(repository, out var name)) return NoRepository();
        var (query, fault) = ReadQuery(page, matching, pointsTo, sort);
        if (query is null) return ApiError.Invalid(fault);
        query = query with { IsOwn = attached == false };
        var known = await rules.OfAsync(name, http.RequestAborted);
        return await ReadAsync<ApiAnswer<Listed<TagView>>>(http, repository, async (session, id) =>
        {
            if (!query.IsIndexed && query.IsScan && await TagTable.HasManyAsync(session, id))
            {
                return ApiError.Conflict(
                    $"of more than {TagQuery.MostScanned:N0} tags, those with something in their names can only be "
                    + "sorted by name or by the time of their push");
            }

            if (!query.IsIndexed
                && await TagTable.CountAsync(session, id, query, TagQuery.MostSorted + 1) > TagQuery.MostSorted)
            {
                return ApiError.Conflict(
                    $"more than {TagQuery.MostSorted:N0} tags can only be sorted by name or by the time of their "
                    + "push: choose fewer with matching=");
            }

            var rows = await TagTable.ListRowsAsync(session, id, query, page.Count + 1);
            var end = query is { IsScan: true, IsIndexed: true } && rows.Count <= page.Count
                ? await TagTable.FindScannedAsync(session, id, query) : null;
            var counts = settings.Vulnerabilities.Sources.Count == 0 ? []
                : await StatedCounts.OfAsync(session, name, id, rows.Select(row => row.Digest));
            return http.Answer(
                page, rows.ConvertAll(row => TagView.Of(http, row) with
                {
                    ImmutableBy = TagRules.FindImmutable(known, row.Name)?.Name,
                    Vulnerabilities = counts.TryGetValue(row.Digest, out var found)
                        ? VulnerabilityCountsView.Of(found) : null,
                }),
                one => PlaceOf(one, query.Order).ToString(query.Order), end?.ToString(query.Order));
        }) ?? NoRepository();
    }

    private static (TagQuery? Query, string Fault) ReadQuery(
        Page page, string? matching, string? pointsTo, string? sort)
    {
        var isDescending = sort?.StartsWith('-') == true;
        var word = isDescending ? sort![1..] : sort;
        if (!Enum.TryParse<TagOrder>(word ?? "name", ignoreCase: true, out var order)
            || word?.All(char.IsAsciiLetter) == false)
        {
            return (null, "sort must be name, pushed, pulled or size, with - before it for the largest first");
        }

        if (matching is { Length: > 0 } && !IsPartOfTag().IsMatch(matching))
            return (null, "matching must be part of a tag: letters, digits, _, . and -");
        if (pointsTo is not null && !Digest.TryParse(pointsTo, out _)) return (null, "pointsTo must be a digest");
        var after = page.Last.Length > 0 ? TagCursor.TryParse(page.Last, order) : null;
        return page.Last.Length > 0 && after is null
            ? (null, "last must be what the Link header of a page in the same order has")
            : (new TagQuery(order, isDescending, matching is { Length: > 0 } ? matching : null, pointsTo, after), "");
    }

    private static TagCursor PlaceOf(TagView tag, TagOrder order) => new(
        order switch
        {
            TagOrder.Pushed => tag.MovedAt.ToUnixTimeMilliseconds(),
            TagOrder.Pulled => tag.PulledAt?.ToUnixTimeMilliseconds() ?? 0,
            TagOrder.Size => tag.ContentBytes ?? 0,
            _ => 0,
        },
        tag.Name);

    public async Task<ApiAnswer<TagView>> GetAsync(HttpContext http, string tag, string repository)
    {
        if (await FindAsync(http, tag, repository) is not { } row) return NoTag();
        var known = await rules.OfAsync(RepositoryName.Parse(repository), http.RequestAborted);
        var view = TagView.Of(http, row);
        return ApiAnswer<TagView>.Tagged(
            view with { ImmutableBy = TagRules.FindImmutable(known, row.Name)?.Name }, counted: view);
    }

    /// <summary>Whether some of a repository's tags attach something to others.</summary>
    public async Task<bool> HasAttachedAsync(HttpContext http, string repository) => await ReadAsync(
        http, repository,
        async (session, id) => await TagTable.HasAttachedAsync(session, id) ? repository : null) is not null;

    /// <summary>How many tags a repository has: no page counts all of a repository with a million.</summary>
    /// <param name="http">The request.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="hasAttached">Whether those that attach something count, too.</param>
    public async Task<TagCount> CountAsync(HttpContext http, string repository, bool hasAttached)
    {
        var found = await ReadAsync(http, repository, async (session, id) =>
        {
            var (all, own) = await UsageTable.TagsAsync(session, id, MostCounted + 1);
            return new TagCount(Math.Min(hasAttached ? all : own, MostCounted), all > MostCounted);
        });
        return found ?? new TagCount(0, HasMore: false);
    }

    /// <summary>Some tags with where they point and the rules that keep them there; those that are gone are left out.
    /// </summary>
    public async Task<IReadOnlyList<SelectedTag>> FindSomeAsync(
        HttpContext http, string repository, IReadOnlyList<string> names)
    {
        var known = await rules.OfAsync(RepositoryName.Parse(repository), http.RequestAborted);
        var found = await ReadAsync(
            http, repository, async (session, id) => await TagTable.FindAllAsync(session, id, names));
        return (found ?? []).OrderBy(tag => tag.Name, StringComparer.Ordinal).Select(tag => new SelectedTag(
            tag.Name, tag.Digest, TagRules.FindImmutable(known, tag.Name)?.Name)).ToList();
    }

    public async Task<ApiAnswer<TagView>> PutAsync(
        HttpContext http, string tag, string repository, [FromBody] TagTarget sent)
    {
        if (!Tag.TryParse(tag, out var name)) return ApiError.Of(RegistryError.TagInvalid(tag));
        if (!Reference.TryParse(sent.Target, out var target))
            return ApiError.Invalid("target must be a digest, or another tag of the repository");
        (target, var refusal) = await promotions.AskAsync(http, RepositoryName.Parse(repository), target);
        if (refusal is not null) return refusal;
        var (outcome, row, rule) = await moves.MoveAsync(
            RepositoryName.Parse(repository), name, target,
            current => !http.HasCondition() || (current is not null && http.IsFor(TagView.Of(http, current))),
            http.Actor(), http.RequestAborted);
        return outcome switch
        {
            MoveOutcome.Unknown => ApiError.NotFound($"manifest {sent.Target} in {repository}"),
            MoveOutcome.PreconditionFailed => ApiError.Changed(),
            MoveOutcome.Immutable => ApiError.Of(RegistryError.TagImmutable(rule!.Name)),
            _ => ApiAnswer<TagView>.Tagged(TagView.Of(http, row!)),
        };
    }

    /// <summary>Says when a tag goes, or that rules pass over it.</summary>
    public async Task<ApiAnswer<TagView>> ChangeAsync(
        HttpContext http, string tag, string repository, [FromBody] TagChange sent)
    {
        if (!Tag.TryParse(tag, out var name)) return NoTag();
        if (sent.ExpiresAt.FindFault(clock.GetUtcNow()) is { } fault) return fault;
        var (isChanged, isKept) = (false, false);
        var immutable = TagRules.FindImmutable(
            await rules.OfAsync(RepositoryName.Parse(repository), http.RequestAborted), name.Text);
        var row = await moves.ChangeAsync(
            RepositoryName.Parse(repository), name,
            current =>
            {
                isChanged = !http.IsFor(TagView.Of(http, current));
                isKept = immutable is not null && sent.ExpiresAt.From(null) is not null;
                return isChanged || isKept ? null : current with
                {
                    ExpiresAt = sent.ExpiresAt.From(current.ExpiresAt),
                    IsPinned = sent.IsPinned ?? current.IsPinned,
                };
            },
            http.RequestAborted);
        return row is not null ? ApiAnswer<TagView>.Tagged(TagView.Of(http, row)) : isChanged ? ApiError.Changed()
            : isKept ? ApiError.Of(RegistryError.TagImmutable(immutable!.Name)) : NoTag();
    }

    public async Task<ApiDone> RemoveAsync(HttpContext http, string tag, string repository)
    {
        if (!Reference.TryParse(tag, out var reference) || await FindAsync(http, tag, repository) is not { } row)
            return NoTag();
        if (!http.IsFor(TagView.Of(http, row))) return ApiError.Changed();
        var outcome = await removal.RemoveAsync(
            RepositoryName.Parse(repository), reference,
            http.HasCondition() ? current => current == row.Digest : null, http.Actor(), http.RequestAborted);
        return outcome.Outcome switch
        {
            RemovalOutcome.Unknown => NoTag(),
            RemovalOutcome.Immutable => ApiError.Of(RegistryError.TagImmutable(outcome.Rule!)),
            RemovalOutcome.PreconditionFailed => ApiError.Changed(),
            _ => ApiDone.Done,
        };
    }

    public async Task<ApiAnswer<Listed<TagMoveView>>> HistoryAsync(HttpContext http, string tag, string repository)
    {
        var page = http.Page();
        var before = page.LastId > 0 ? page.LastId : long.MaxValue;
        var (caller, name) = (http.Caller(), RepositoryName.Parse(repository));
        var isShown = caller.IsStaff || await gate.AskAsync(http, caller, AccessAction.Manage, name) is null;
        var moved = await ReadAsync(
            http, repository,
            async (session, id) => await TagTable.HistoryAsync(session, id, tag, before, page.Count + 1));
        return moved is { Count: > 0 } || (moved is not null && page.LastId > 0)
            ? http.Answer(
                page,
                moved.ConvertAll(m => new TagMoveView(
                    m.Id, m.Digest, m.IsGone, m.Action, m.MovedAt, http.NameFor(m.MovedBy),
                    isShown ? m.Address : null)),
                one => $"{one.Id}")
            : NoTag();
    }

    private ValueTask<TagRow?> FindAsync(HttpContext http, string tag, string repository) => ReadAsync(
        http, repository, (session, id) => TagTable.FindRowAsync(session, id, tag));

    /// <summary>Reads something of a repository; null if it is not there.</summary>
    private ValueTask<T?> ReadAsync<T>(HttpContext http, string repository, Func<Session, long, ValueTask<T?>> read)
        where T : class => database.ReadAsync(
            async session => await NamespaceTable.FindAsync(session, repository) is not null
                && await RepositoryTable.FindAsync(session, RepositoryName.Parse(repository)) is { } id
                ? await read(session, id) : null,
            http.RequestAborted);

    private static ApiError NoRepository() => ApiError.NotFound("such repository");

    private static ApiError NoTag() => ApiError.NotFound("such tag");

    [GeneratedRegex(@"^[A-Za-z0-9_.-]{1,128}\z")]
    private static partial Regex IsPartOfTag();
}
