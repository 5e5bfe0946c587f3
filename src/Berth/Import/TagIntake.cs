using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;

namespace Berth.Import;

/// <summary>A tag of another registry.</summary>
/// <param name="Tag">Its name.</param>
/// <param name="Digest">Where it is.</param>
/// <param name="MovedAt">Since when.</param>
/// <param name="Earlier">Where it was before, the oldest first.</param>
internal sealed record ImportedTag(
    Tag Tag, Digest Digest, DateTimeOffset MovedAt, IReadOnlyList<(Digest Digest, DateTimeOffset MovedAt)> Earlier);

/// <summary>What became of tags.</summary>
/// <param name="Moved">How many were made or moved.</param>
/// <param name="Kept">Those that are elsewhere here, and stay there, with the reason.</param>
/// <param name="Missing">Those whose manifest is not here.</param>
internal sealed record TagIntakeResult(
    int Moved, List<(ImportedTag Tag, string Reason)> Kept, List<ImportedTag> Missing);

/// <summary>
/// Takes the tags of another registry's repository, with their times. A tag that is elsewhere here moves only if an
/// import has put it there and it moved at the source since: what somebody has pushed here is newer than the source,
/// which is on its way out.
/// </summary>
internal sealed class TagIntake(RepositoryChanges changes, TagTable tags, TagRules rules, Quotas quotas)
{
    /// <summary>No account can have this name: it has a space.</summary>
    public static readonly Actor Actor = new("registry import");

    /// <summary>In one transaction: few enough that pushes to the same repository hardly wait.</summary>
    public const int Batch = 100;

    /// <param name="repository">The repository.</param>
    /// <param name="wanted">The tags, at most a batch.</param>
    /// <param name="overwrites">Whether tags move that somebody has pushed here.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <exception cref="QuotaExceededException">There would be more tags than allowed: none was taken.</exception>
    public async Task<TagIntakeResult> TakeAsync(
        RepositoryName repository, IReadOnlyList<ImportedTag> wanted, bool overwrites, CancellationToken cancellation)
    {
        var known = await rules.OfAsync(repository, cancellation);
        var room = await quotas.OfAsync(repository, cancellation);
        return await changes.RunAsync(
            repository, RepositoryLock.Exclusive, isDurable: true,
            async change =>
            {
                await Quotas.CheckTagsAsync(change.Session, room, repository, wanted.Select(tag => tag.Tag));
                return await TakeAsync(change, wanted, known, overwrites);
            },
            cancellation);
    }

    private async ValueTask<TagIntakeResult> TakeAsync(
        RepositoryChange change, IReadOnlyList<ImportedTag> wanted, IReadOnlyList<TagRule> known, bool overwrites)
    {
        var session = change.Session;
        var result = new TagIntakeResult(0, [], []);
        var id = await change.FindIdAsync() ?? -1;
        var present = await ManifestTable.FindAllAsync(session, id, wanted.Select(tag => tag.Digest));
        foreach (var tag in wanted.OrderBy(tag => tag.Tag.Text, StringComparer.Ordinal))
        {
            var place = await ImportedRows.FindTagAsync(session, id, tag.Tag);
            if (place?.Digest == tag.Digest.Text) continue;
            if (!present.Contains(tag.Digest))
            {
                result.Missing.Add(tag);
            }
            else if (place is not null && TagRules.FindImmutable(known, tag.Tag.Text) is { } rule)
            {
                result.Kept.Add((tag, $"it is {place.Digest} here, where {rule.Name} keeps it"));
            }
            else if (!overwrites && ReasonToKeep(place, tag) is { } reason)
            {
                result.Kept.Add((tag, reason));
            }
            else
            {
                await MoveAsync(change, id, tag, isNew: place is null);
                result = result with { Moved = result.Moved + 1 };
            }
        }

        return result;
    }

    private static string? ReasonToKeep(TagPlace? place, ImportedTag tag) => place switch
    {
        null => null,
        _ when place.MovedBy != Actor.Name =>
            $"it is {place.Digest} here, pushed by {place.MovedBy}; --overwrite moves it",
        _ when place.MovedAt >= Rounded(tag.MovedAt) =>
            $"it is {place.Digest} here, from a newer import; --overwrite moves it",
        _ => null,
    };

    /// <summary>As the database has it.</summary>
    private static DateTimeOffset Rounded(DateTimeOffset time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());

    private async ValueTask MoveAsync(RepositoryChange change, long id, ImportedTag tag, bool isNew)
    {
        if (isNew)
        {
            foreach (var (digest, movedAt) in tag.Earlier)
                await ImportedRows.AddHistoryAsync(change.Session, id, tag.Tag, digest, movedAt, Actor.Name);
        }

        await tags.MoveAsync(
            change.Session, id, tag.Tag, tag.Digest, Actor, TagActions.Push,
            await ManifestTable.ExpiresAfterAsync(change.Session, id, tag.Digest));
        await ImportedRows.SetMovedAsync(change.Session, id, tag.Tag, tag.MovedAt);
        change.NoteManifest(tag.Tag.Text);
    }
}
