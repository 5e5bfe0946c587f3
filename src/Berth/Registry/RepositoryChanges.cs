using System.Diagnostics;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Registry;

/// <summary>Which other changes to the same repository are excluded until a change commits.</summary>
internal enum RepositoryLock
{
    /// <summary>None: it does not depend on what it reads.</summary>
    None,

    /// <summary>Those that remove something.</summary>
    Shared,

    /// <summary>All that take a lock.</summary>
    Exclusive,
}

/// <summary>
/// The only way to change what a repository serves:
/// <code>
/// begin ► lock ► change, noting what is different ► announce to other nodes ► commit ► forget cached answers
/// </code>
/// Everything up to the commit is one transaction. Anything that must happen if and only if the change does, such as
/// adding a job, is written in the change's session.
/// </summary>
internal sealed class RepositoryChanges(Database database, RepositoryTable repositories, AnswerCache cache)
{
    /// <param name="repository">What is changed. It need not exist yet.</param>
    /// <param name="hold">What must not happen to it in the meantime.</param>
    /// <param name="isDurable">Whether the change must survive a power cut once the task has completed.</param>
    /// <param name="change">May run more than once, so it must have no effects outside the database.</param>
    /// <param name="cancellation">Cancels, unless the commit has begun.</param>
    /// <param name="beside">
    /// Another repository, and what must not happen to that. Both are locked in the order of their names, so that no
    /// two changes wait for each other.
    /// </param>
    public async Task<T> RunAsync<T>(
        RepositoryName repository, RepositoryLock hold, bool isDurable, Func<RepositoryChange, ValueTask<T>> change,
        CancellationToken cancellation, (RepositoryName Name, RepositoryLock Hold)? beside = null)
    {
        RepositoryChange? last = null;
        try
        {
            return await database.WriteAsync(
                async session =>
                {
                    var attempt = last = new RepositoryChange(session, repository, repositories, hold);
                    if (beside is { } other && string.CompareOrdinal(other.Name.Text, repository.Text) < 0)
                        await LockAsync(session, other.Name, other.Hold);
                    await LockAsync(session, repository, hold);
                    if (beside is { } next && string.CompareOrdinal(next.Name.Text, repository.Text) > 0)
                        await LockAsync(session, next.Name, next.Hold);
                    var result = await change(attempt);
                    await attempt.AnnounceAsync();
                    return result;
                },
                isDurable, cancellation);
        }
        finally
        {
            // After a failure too: a commit whose answer was lost may have happened.
            if (last?.Keys is { Count: > 0 } keys) cache.Forget(repository.Text, keys);
        }
    }

    private static ValueTask LockAsync(Session session, RepositoryName repository, RepositoryLock hold) =>
        hold == RepositoryLock.None
            ? ValueTask.CompletedTask : session.LockAsync(repository, isShared: hold == RepositoryLock.Shared);
}

/// <summary>A change in progress to one repository, and what it has changed so far.</summary>
internal sealed class RepositoryChange(
    Session session, RepositoryName repository, RepositoryTable repositories, RepositoryLock hold)
{
    private readonly List<string> keys = [];
    private bool isNewsToOthers;

    public Session Session => session;

    public RepositoryName Repository => repository;

    /// <summary>The keys of cached answers that are now stale.</summary>
    public IReadOnlyList<string> Keys => keys;

    /// <summary>The repository's id, or null if it does not exist.</summary>
    public ValueTask<long?> FindIdAsync() => RepositoryTable.FindAsync(session, repository);

    /// <summary>The repository's id; the repository is added if it does not exist.</summary>
    public ValueTask<long> GetIdAsync() => repositories.FindOrAddAsync(session, repository);

    /// <summary>A tag or a manifest was written or removed.</summary>
    public void NoteManifest(string reference)
    {
        Debug.Assert(hold != RepositoryLock.None, "manifests and tags are changed under the repository's lock");
        keys.Add(ManifestTable.KeyOf(repository, reference));
        isNewsToOthers = true;
    }

    /// <summary>A blob was linked. Other nodes need not be told: none caches that a blob is absent.</summary>
    public void NoteLinked(Digest blob) => keys.Add(BlobTable.KeyOf(repository, blob));

    public void NoteUnlinked(Digest blob)
    {
        Debug.Assert(hold == RepositoryLock.Exclusive, "pushes rely on the links they have read");
        keys.Add(BlobTable.KeyOf(repository, blob));
        isNewsToOthers = true;
    }

    public ValueTask AnnounceAsync() => isNewsToOthers
        ? session.AnnounceAsync(AnswerCache.NoticeOf(repository.Text, keys))
        : ValueTask.CompletedTask;
}
