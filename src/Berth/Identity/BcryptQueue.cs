using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Compares passwords with bcrypt hashes on a few threads of its own, so that password guessing can't take the cores
/// from pulls. Clients take turns, so that none can keep the others waiting. Identical concurrent comparisons are
/// computed once.
/// </summary>
internal sealed partial class BcryptQueue(PasswordCheckSettings settings)
{
    /// <summary>Lower priority than requests if cores are scarce, but not so low that sign-ins starve.</summary>
    private const int Niceness = 5;

    private readonly int threads =
        settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount - 1);

    private readonly Lock changing = new();
    private readonly Dictionary<string, Comparison> pending = new(StringComparer.Ordinal);
    private readonly Dictionary<IPAddress, List<Comparison>> waiting = [];
    private readonly Queue<IPAddress> turns = new();
    private int working;
    private int waitingCount;

    /// <param name="key">Comparisons with the same key are identical.</param>
    /// <param name="password">Only its first 72 bytes count.</param>
    /// <param name="hash">As <see cref="HtpasswdEntries.Hashes"/> has them.</param>
    /// <param name="client">Who waits. The addresses of one IPv6 network are one client.</param>
    /// <param name="cancellation">Stops waiting; a comparison that nobody waits for is not computed.</param>
    /// <returns>Whether they match; null if too many are waiting.</returns>
    public async ValueTask<bool?> CompareAsync(
        string key, string password, string hash, IPAddress? client, CancellationToken cancellation)
    {
        Comparison? comparison;
        lock (changing)
        {
            if (!pending.TryGetValue(key, out comparison))
            {
                comparison = new Comparison(key, password, hash);
                if (!TryEnqueue(comparison, ClientNetwork.Of(client))) return null;
            }

            comparison.Waiting++;
        }

        try
        {
            return await comparison.Result.Task.WaitAsync(cancellation);
        }
        finally
        {
            lock (changing) comparison.Waiting--;
        }
    }

    private bool TryEnqueue(Comparison comparison, IPAddress client)
    {
        var own = waiting.GetValueOrDefault(client);
        var ownCount = own?.Count ?? 0;
        if (ownCount >= settings.WaitingPerClient) return false;
        if (waitingCount >= settings.Waiting && !TryMakeRoom(ownCount)) return false;
        if (own is null || ownCount == 0)
        {
            waiting[client] = own ??= [];
            turns.Enqueue(client);
        }

        own.Add(comparison);
        pending.Add(comparison.Key, comparison);
        waitingCount++;
        if (working < threads)
        {
            working++;
            new Thread(Work) { IsBackground = true, Name = "bcrypt" }.Start();
        }

        return true;
    }

    /// <summary>The client with the most waiting gives up its last place to one with fewer.</summary>
    private bool TryMakeRoom(int ownCount)
    {
        var most = waiting.Values.MaxBy(comparisons => comparisons.Count)!;
        if (most.Count <= ownCount + 1) return false;
        var last = most[^1];
        most.RemoveAt(most.Count - 1);
        waitingCount--;
        pending.Remove(last.Key);
        last.Result.SetResult(null);
        return true;
    }

    private void Work()
    {
        _ = SetPriority(which: 0, who: 0, Niceness);
        while (true)
        {
            Comparison? next;
            lock (changing)
            {
                next = Take();
                if (next is null)
                {
                    working--;
                    return;
                }
            }

            var matches = Matches(next.Password, next.Hash);
            lock (changing) pending.Remove(next.Key);
            next.Result.SetResult(matches);
        }
    }

    /// <summary>
    /// The first comparison of the client whose turn it is; that client then goes to the back of the line.
    /// </summary>
    private Comparison? Take()
    {
        while (turns.TryDequeue(out var client))
        {
            var own = waiting[client];
            while (own.Count > 0)
            {
                var first = own[0];
                own.RemoveAt(0);
                waitingCount--;
                if (first.Waiting == 0)
                {
                    pending.Remove(first.Key);
                    continue;
                }

                if (own.Count > 0) turns.Enqueue(client);
                else waiting.Remove(client);
                return first;
            }

            waiting.Remove(client);
        }

        return null;
    }

    private static bool Matches(string password, string hash)
    {
        try
        {
            // A salt has several encodings; the last 31 characters are the hash itself.
            var found = BCrypt.Net.BCrypt.HashPassword(password, hash);
            return CryptographicOperations.FixedTimeEquals(
                MemoryMarshal.AsBytes(found.AsSpan(29)), MemoryMarshal.AsBytes(hash.AsSpan(29)));
        }
        catch (Exception e) when (e is BCrypt.Net.SaltParseException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>The thread's scheduling priority; on Linux each thread has its own niceness.</summary>
    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int niceness);

    private sealed class Comparison(string key, string password, string hash)
    {
        public string Key => key;

        public string Password => password;

        public string Hash => hash;

        /// <summary>How many requests wait for the result.</summary>
        public int Waiting { get; set; }

        public TaskCompletionSource<bool?> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
