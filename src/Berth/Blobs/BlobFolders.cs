using System.Collections.Concurrent;
using Berth.Disk;

namespace Berth.Blobs;

/// <summary>
/// Tracks which folders of blobs have all their names on the disk. Each folder is synced with its parents once per
/// process, since an earlier process may have died after renaming a blob and before the sync; and again after a failed
/// sync.
/// </summary>
/// <param name="root">The folder that contains them.</param>
/// <param name="sync">Syncs a folder, or throws; <see cref="DiskSync.Folder"/> except in tests.</param>
internal sealed class BlobFolders(string root, Action<string> sync)
{
    private readonly ConcurrentDictionary<string, State> states = new(StringComparer.Ordinal);

    public bool IsDurable(string folder) => states.TryGetValue(folder, out var state) && state.IsDurable;

    /// <summary>Creates a folder if it is missing, and makes it durable.</summary>
    /// <exception cref="IOException">A sync failed.</exception>
    public void MakeDurable(string folder)
    {
        var state = StateOf(folder);
        while (!state.IsDurable)
        {
            // This sync may have started before a blob got its name, and so not cover it. If the sync for that name
            // fails in the meantime, the success of this one must not hide that failure.
            var failures = state.Failures;
            Directory.CreateDirectory(folder);
            Sync(folder);
            sync(Path.GetDirectoryName(folder)!);
            sync(root);
            state.NoteDurable(failures);
        }
    }

    /// <summary>Makes the names durable that were just added to a folder or removed from it.</summary>
    /// <exception cref="IOException">The sync failed: the folder is not durable until a later one succeeds.</exception>
    public void Sync(string folder)
    {
        try
        {
            sync(folder);
        }
        catch
        {
            StateOf(folder).NoteFailure();
            throw;
        }
    }

    private State StateOf(string folder) => states.GetOrAdd(folder, _ => new State());

    private sealed class State
    {
        private readonly Lock changing = new();
        private volatile bool isDurable;
        private volatile int failures;

        public bool IsDurable => isDurable;

        /// <summary>How many syncs have failed.</summary>
        public int Failures => failures;

        /// <summary>Has no effect if a sync has failed since <paramref name="failuresBefore"/> was read.</summary>
        public void NoteDurable(int failuresBefore)
        {
            lock (changing) isDurable = failures == failuresBefore;
        }

        public void NoteFailure()
        {
            lock (changing) (failures, isDurable) = (failures + 1, false);
        }
    }
}
