using System.Diagnostics.CodeAnalysis;
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

    /// <summary>Of each client that has a turn to come. All of its own may have given way meanwhile.</summary>
    private readonly Dictionary<IPAddress, List<Comparison>> waiting = [];

    /// <summary>
    /// Of clients that have guessed wrong lately, and of those that have not: the two take turns, so that many who
    /// guess don't make others wait.
    /// </summary>
    private readonly Queue<IPAddress>[] turns = [new(), new()];

    private int nextTurn;
    private int working;
    private int waitingCount;

    /// <param name="key">Comparisons with the same key are identical.</param>
    /// <param name="password">Only its first 72 bytes count.</param>
    /// <param name="hash">As <see cref="HtpasswdEntries.Hashes"/> has them.</param>
    /// <param name="client">Who waits. The addresses of one IPv6 network are one client.</param>
    /// <param name="wrong">How often this client has guessed wrong lately.</param>
    /// <param name="cancellation">Stops waiting; a comparison that nobody waits for is not computed.</param>
    /// <returns>Whether they match; null if too many are waiting.</returns>
    public async ValueTask<bool?> CompareAsync(
        string key, string password, string hash, IPAddress? client, int wrong, CancellationToken cancellation)
    {
        Comparison? comparison;
        lock (changing)
        {
            if (!pending.TryGetValue(key, out comparison))
            {
                comparison = new Comparison(key, password, hash, wrong);
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
        if (waitingCount >= settings.Waiting && !TryMakeRoom(ownCount, comparison.Wrong)) return false;
        if (own is null)
        {
            waiting[client] = own = [];
            TurnsFor(comparison).Enqueue(client);
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

    /// <summary>
    /// The client with the most waiting gives up its last place to one with fewer. Among those with one each, who has
    /// guessed wrong gives way to who has not: otherwise as many clients as there are places keep all others out.
    /// </summary>
    private bool TryMakeRoom(int ownCount, int wrong)
    {
        var most = waiting.Values.MaxBy(
            comparisons => (comparisons.Count, comparisons.LastOrDefault()?.Wrong))!;
        if (most.Count <= ownCount || (most.Count == ownCount + 1 && most[^1].Wrong <= wrong)) return false;
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
        while (TryTakeTurn(out var client))
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

                if (own.Count > 0) TurnsFor(own[0]).Enqueue(client);
                else waiting.Remove(client);
                return first;
            }

            waiting.Remove(client);
        }

        return null;
    }

    private Queue<IPAddress> TurnsFor(Comparison comparison) => turns[comparison.Wrong > 0 ? 0 : 1];

    private bool TryTakeTurn([NotNullWhen(true)] out IPAddress? client)
    {
        nextTurn = 1 - nextTurn;
        return turns[nextTurn].TryDequeue(out client) || turns[1 - nextTurn].TryDequeue(out client);
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

    private sealed class Comparison(string key, string password, string hash, int wrong)
    {
        public string Key => key;

        public string Password => password;

        public string Hash => hash;

        /// <summary>How often the client that asked first had guessed wrong.</summary>
        public int Wrong => wrong;

        /// <summary>How many requests wait for the result.</summary>
        public int Waiting { get; set; }

        public TaskCompletionSource<bool?> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
