using System.Collections.Concurrent;
using Berth.Disk;

namespace Berth.Blobs;

/// <summary>
/// Which folders of blobs have all their names on the disk. Each is synced with its parents once in a process's life,
/// since an earlier process may have died between the name of a blob and its sync; and again after a sync of it failed.
/// </summary>
/// <param name="root">What they lie under.</param>
/// <param name="sync">Syncs a folder, or throws; <see cref="DiskSync.Folder"/> but in tests.</param>
internal sealed class BlobFolders(string root, Action<string> sync)
{
    private readonly ConcurrentDictionary<string, State> states = new(StringComparer.Ordinal);

    public bool IsDurable(string folder) => states.TryGetValue(folder, out var state) && state.IsDurable;

    /// <summary>Makes a folder that may be missing, and sees to it that it is durable.</summary>
    /// <exception cref="IOException">The disk refused.</exception>
    public void MakeDurable(string folder)
    {
        var state = StateOf(folder);
        while (!state.IsDurable)
        {
            // A sync that began before a name was made says nothing about that name, even where it ends after the sync
            // that failed for it.
            var failures = state.Failures;
            Directory.CreateDirectory(folder);
            Sync(folder);
            sync(Path.GetDirectoryName(folder)!);
            sync(root);
            state.NoteDurable(failures);
        }
    }

    /// <summary>Makes the names in a folder durable that were made or removed just now.</summary>
    /// <exception cref="IOException">The disk refused: the folder is not durable until a later sync works.</exception>
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

        /// <summary>How many syncs of it have failed.</summary>
        public int Failures => failures;

        /// <summary>Only if no sync has failed since there were so many failures.</summary>
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
