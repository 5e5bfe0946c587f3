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
    public static IAsyncEnumerable<JournalLine> EverythingAsync(Database database, CancellationToken cancellation)
    {
        var manifests = EachAsync<JournaledManifest>(database, ManifestsAsync, cancellation)
            .Select(manifest => new JournalLine { Manifest = manifest });
        var tags = EachAsync<JournaledTag>(database, JournalTable.TagsAsync, cancellation)
            .Select(tag => new JournalLine { Tag = tag });
        var moves = EachAsync<JournaledMove>(database, JournalTable.MovesAsync, cancellation)
            .Select(move => new JournalLine { Move = move });
        return manifests.Concat(tags).Concat(moves);
    }

    private static ValueTask<List<JournaledManifest>> ManifestsAsync(Session session, JournaledManifest? last)
    {
        var bytes = 0L;
        return JournalTable.ManifestsAsync(
            session, last, manifest => (bytes += manifest.Body.Length) > PageBytes);
    }

    /// <summary>The rows of a table, page by page, each in a read of its own.</summary>
    /// <param name="database">Where they are.</param>
    /// <param name="read">Reads those after one.</param>
    /// <param name="cancellation">Cancels.</param>
    private static async IAsyncEnumerable<T> EachAsync<T>(
        Database database, Func<Session, T?, ValueTask<List<T>>> read,
        [EnumeratorCancellation] CancellationToken cancellation)
        where T : class
    {
        for (T? last = null; ;)
        {
            var after = last;
            var page = await database.ReadAsync(session => read(session, after), cancellation);
            if (page.Count == 0) yield break;
            foreach (var row in page) yield return row;
            last = page[^1];
        }
    }
}
