using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>A repository that gets another name.</summary>
/// <param name="From">Its name.</param>
/// <param name="To">The other one.</param>
/// <param name="MayPublish">Whether it may be as public there as it was.</param>
/// <param name="Actor">Who moves it.</param>
/// <param name="IsDryRun">Whether nothing is changed.</param>
internal sealed record RepositoryMove(
    RepositoryName From, RepositoryName To, bool MayPublish, Actor Actor, bool IsDryRun);

/// <summary>The outcome of a move. If there is none, nothing was changed.</summary>
internal enum RepositoryMoveOutcome
{
    Moved,
    Unknown,

    /// <summary>The other name is that of a repository, or an old name of one.</summary>
    Taken,

    /// <summary>A deleted repository of the other name can still be brought back.</summary>
    InTrash,

    /// <summary>A rule keeps a tag where it is.</summary>
    Immutable,
}

/// <summary>The outcome of a move, the rule that forbids it, and what was moved.</summary>
internal sealed record RepositoryMoveResult(RepositoryMoveOutcome Outcome, string? Rule = null)
{
    public long Tags { get; init; }

    public long Manifests { get; init; }

    public bool IsPublic { get; init; }
}

/// <summary>
/// Moves a repository to another name with all that is in it, in one transaction. Pulls by the old name find it, until
/// there is a repository of that name again.
/// </summary>
internal sealed class RepositoryMoving(
    RepositoryChanges changes, RepositoryTable repositories, TagRules rules, Quotas quotas, AccessVersion version,
    TimeProvider clock)
{
    /// <summary>Nobody needs more; of more, the oldest end.</summary>
    private const int MaxOldNames = 100;

    /// <exception cref="QuotaExceededException">A quota has no room for it.</exception>
    public async Task<RepositoryMoveResult> MoveAsync(RepositoryMove move, CancellationToken cancellation)
    {
        var room = await quotas.OfAsync(move.To, cancellation);
        var frozen = await FindImmutableAsync(move, cancellation);
        try
        {
            // What was cached of the old name is forgotten, here and on other nodes; of the new one there is nothing.
            return await changes.RunAsync(
                move.From, RepositoryLock.Exclusive, isDurable: true,
                async change =>
                {
                    var result = await MoveAsync(change, move, room, frozen);
                    return move.IsDryRun ? throw new UndoneException<RepositoryMoveResult>(result) : result;
                },
                cancellation, (move.To, RepositoryLock.Exclusive));
        }
        catch (UndoneException<RepositoryMoveResult> e)
        {
            return e.Result;
        }
        catch (QuotaExceededException e) when (e.Message.Length == 0)
        {
            throw await quotas.ExplainGrowthAsync(e, "move", cancellation);
        }
        finally
        {
            version.Forget();
        }
    }

    /// <summary>Which rule keeps a tag where it is, and would not in the other place; null for none.</summary>
    private async ValueTask<Func<string, TagRule?>> FindImmutableAsync(
        RepositoryMove move, CancellationToken cancellation)
    {
        var (here, there) = (await rules.OfAsync(move.From, cancellation), await rules.OfAsync(move.To, cancellation));
        return tag => TagRules.FindImmutable(there, tag) is null ? TagRules.FindImmutable(here, tag) : null;
    }

    private async ValueTask<RepositoryMoveResult> MoveAsync(
        RepositoryChange change, RepositoryMove move, IReadOnlyList<QuotaRow> room, Func<string, TagRule?> frozen)
    {
        var session = change.Session;

        // Before any row that changes of rights lock after it.
        await AccessVersion.AdvanceAsync(session);
        if (await NamespaceTable.FindAsync(session, move.From.Text) is not { } row
            || await change.FindIdAsync() is not { } from)
        {
            return new RepositoryMoveResult(RepositoryMoveOutcome.Unknown);
        }

        if (await RepositoryTable.ExistsAsync(session, move.To)
            || (await RedirectTable.TargetOfAsync(session, move.To) is { } other && other != from))
        {
            return new RepositoryMoveResult(RepositoryMoveOutcome.Taken);
        }

        if (await RepositoryTable.FindAsync(session, move.To) is { } old
            && await RepositoryMoveTable.HasTrashAsync(session, old))
        {
            return new RepositoryMoveResult(RepositoryMoveOutcome.InTrash);
        }

        var references = await TagTable.ReferencesAsync(session, from);
        var tags = references.FindAll(reference => !reference.Contains(':'));
        foreach (var tag in tags)
        {
            if (frozen(tag) is { } rule)
                return new RepositoryMoveResult(RepositoryMoveOutcome.Immutable, $"{tag}: {rule.Name}");
        }

        foreach (var reference in references) change.NoteManifest(reference);
        foreach (var (digest, _) in await GarbageForecast.BlobsAsync(session, from))
            change.NoteUnlinked(Digest.Parse(digest));
        var isPublic = await MoveRowsAsync(session, move, from, row.IsPublic, room);
        return new RepositoryMoveResult(RepositoryMoveOutcome.Moved)
        {
            Tags = tags.Count,
            Manifests = references.Count - tags.Count,
            IsPublic = isPublic,
        };
    }

    /// <returns>Whether it is public then.</returns>
    private async ValueTask<bool> MoveRowsAsync(
        Session session, RepositoryMove move, long from, bool wasPublic, IReadOnlyList<QuotaRow> room)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await RepositoryMoveTable.LockAsync(session, from, move.From, move.To);
        var (used, tags) = (await Quotas.UsedAsync(session, room), await Quotas.TagsAsync(session, room));
        var to = await repositories.FindOrAddAsync(session, move.To, isPrivate: !wasPublic);
        var isPublic = wasPublic
            && (move.MayPublish || await RepositoryTable.IsPublicAsync(session, move.To.Text));
        await new RepositoryMoveTable(from, to).MoveAsync(session, isPublic, now);
        await RepositoryMoveTable.MovePinsAsync(session, move.From.Text, move.To.Text);
        await RedirectTable.AddAsync(session, (from, move.From), to, move.Actor, now, MaxOldNames);
        await Quotas.CheckGrownAsync(session, used);
        await Quotas.CheckMoreTagsAsync(session, tags);
        return isPublic;
    }
}
