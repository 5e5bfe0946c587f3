using System.Globalization;
using System.Runtime.CompilerServices;
using Berth.Metadata;

namespace Berth.Journal;

/// <summary>What the database has for the journal: what changed, and everything.</summary>
internal static class JournalContent
{
    /// <summary>How many bytes of manifests are read at a time.</summary>
    private const long PageBytes = 16 << 20;

    /// <summary>What is now what has changed then.</summary>
    public static async ValueTask<List<JournalLine>> LinesOf(Session session, JournalChange change)
    {
        if (await JournalTable.RepositoryAsync(session, change.RepositoryId) is not { } repository) return [];
        switch (change.Kind)
        {
            case ChangeKinds.Manifest:
                var manifest = await JournalTable.ManifestAsync(session, change.RepositoryId, change.Name);
                return [manifest is null
                    ? new JournalLine { Gone = new GoneLine(repository, change.Name, null) }
                    : new JournalLine { Manifest = manifest }];
            case ChangeKinds.Tag:
                return [await TagLineAsync(session, change.RepositoryId, repository, change.Name)];
            default:
                var id = long.Parse(change.Name, CultureInfo.InvariantCulture);
                if (await JournalTable.MoveAsync(session, id) is not { } move)
                    return [new JournalLine { Gone = new GoneLine(repository, null, null, id) }];
                return
                [
                    new JournalLine { Move = move },
                    await TagLineAsync(session, change.RepositoryId, repository, move.Name),
                ];
        }
    }

    private static async ValueTask<JournalLine> TagLineAsync(
        Session session, long repositoryId, string repository, string name) =>
        await JournalTable.TagAsync(session, repositoryId, name) is { } tag
            ? new JournalLine { Tag = tag } : new JournalLine { Gone = new GoneLine(repository, null, name) };

    /// <summary>All manifests, then all tags, then all moves of tags.</summary>
    public static async IAsyncEnumerable<JournalLine> EverythingAsync(
        Database database, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (JournaledManifest? last = null; ;)
        {
            var (after, bytes) = (last, 0L);
            var page = await database.ReadAsync(
                session => JournalTable.ManifestsAsync(
                    session, after, manifest => (bytes += manifest.Body.Length) > PageBytes),
                cancellation);
            if (page.Count == 0) break;
            foreach (var manifest in page) yield return new JournalLine { Manifest = manifest };
            last = page[^1];
        }

        for (JournaledTag? last = null; ;)
        {
            var after = last;
            var page = await database.ReadAsync(session => JournalTable.TagsAsync(session, after), cancellation);
            if (page.Count == 0) break;
            foreach (var tag in page) yield return new JournalLine { Tag = tag };
            last = page[^1];
        }

        for (JournaledMove? last = null; ;)
        {
            var after = last;
            var page = await database.ReadAsync(session => JournalTable.MovesAsync(session, after), cancellation);
            if (page.Count == 0) break;
            foreach (var move in page) yield return new JournalLine { Move = move };
            last = page[^1];
        }
    }
}
