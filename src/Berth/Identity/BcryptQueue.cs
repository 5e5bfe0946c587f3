using System.Diagnostics;
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

    private const int Guessing = 0;
    private const int Others = 1;

    private readonly int threads =
        settings.Threads > 0 ? settings.Threads : Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>No <see cref="Lock"/>, since threads that rest are woken by it.</summary>
    private readonly object changing = new();
    private readonly Dictionary<string, Comparison> pending = new(StringComparer.Ordinal);

    /// <summary>Clients that have a turn to come. All that one waits for may have given way meanwhile.</summary>
    private readonly Dictionary<IPAddress, Client> waiting = [];

    /// <summary>
    /// Of clients that guess, and of those that do not: the two take turns, so that many who guess don't make others
    /// wait.
    /// </summary>
    private readonly Queue<Client>[] lanes = [new(), new()];

    private int lastLane;
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
                comparison = new Comparison(key, password, hash);
                if (!TryEnqueue(comparison, ClientNetwork.Of(client), wrong)) return null;
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

    private bool TryEnqueue(Comparison comparison, IPAddress address, int wrong)
    {
        var isNew = !waiting.TryGetValue(address, out var client);
        client ??= new Client(address);
        if (client.Comparisons.Count == 0) client.Guesses = wrong;
        if (client.Comparisons.Count >= settings.WaitingPerClient
            || (waitingCount >= settings.Waiting && !TryMakeRoomFor(client)))
        {
            // Who asks again at once, and has something waiting already, tries out passwords.
            client.Guesses++;
            return false;
        }

        if (isNew)
        {
            waiting[address] = client;
            lanes[LaneOf(client)].Enqueue(client);
        }

        client.Comparisons.Add(comparison);
        pending.Add(comparison.Key, comparison);
        waitingCount++;
        if (LaneOf(client) == Others) Monitor.PulseAll(changing);
        if (working < threads)
        {
            working++;
            new Thread(Work) { IsBackground = true, Name = "bcrypt" }.Start();
        }

        return true;
    }

    /// <summary>
    /// The client with the most waiting gives up its last place to one with fewer. Among those with one each, who
    /// guesses more gives way: otherwise as many clients as there are places keep all others out.
    /// </summary>
    private bool TryMakeRoomFor(Client client)
    {
        var own = client.Comparisons.Count;
        var most = waiting.Values.MaxBy(other => (other.Comparisons.Count, other.Guesses))!;
        var count = most.Comparisons.Count;
        if (count <= own || (count == own + 1 && most.Guesses <= client.Guesses)) return false;
        var last = most.Comparisons[^1];
        Remove(most, count - 1);
        last.Result.SetResult(null);
        return true;
    }

    private void Work()
    {
        _ = SetPriority(which: 0, who: 0, Niceness);
        while (true)
        {
            Comparison? next;
            bool isGuess;
            lock (changing)
            {
                next = Take(out isGuess);
                if (next is null)
                {
                    working--;
                    return;
                }
            }

            var start = Stopwatch.GetTimestamp();
            var matches = Matches(next.Password, next.Hash);
            lock (changing) pending.Remove(next.Key);
            next.Result.SetResult(matches);
            if (isGuess && !matches) Rest(Stopwatch.GetElapsedTime(start));
        }
    }

    /// <summary>Guessing keeps a thread busy half of the time at most, but nobody else waits for that.</summary>
    private void Rest(TimeSpan time)
    {
        lock (changing)
        {
            if (lanes[Others].Count == 0) Monitor.Wait(changing, time);
        }
    }

    /// <summary>The lanes take turns, as long as somebody waits in both.</summary>
    private Comparison? Take(out bool isGuess)
    {
        // The second may have moved clients to the first.
        for (var attempt = 0; attempt < 3; attempt++)
        {
            lastLane = 1 - lastLane;
            isGuess = lastLane == Guessing;
            if (TakeFrom(lastLane) is { } next) return next;
        }

        isGuess = false;
        return null;
    }

    /// <summary>
    /// The first comparison of the client whose turn it is; that client then goes to the back of the line.
    /// </summary>
    private Comparison? TakeFrom(int lane)
    {
        while (lanes[lane].TryDequeue(out var client))
        {
            var own = client.Comparisons;
            while (own.Count > 0 && own[0].Waiting == 0) Remove(client, 0);
            if (own.Count == 0)
            {
                waiting.Remove(client.Address);
            }
            else if (LaneOf(client) != lane)
            {
                lanes[LaneOf(client)].Enqueue(client);
            }
            else
            {
                var first = own[0];
                own.RemoveAt(0);
                waitingCount--;
                if (own.Count > 0) lanes[lane].Enqueue(client);
                else waiting.Remove(client.Address);
                return first;
            }
        }

        return null;
    }

    /// <summary>Takes a comparison out that will not be computed.</summary>
    private void Remove(Client client, int index)
    {
        pending.Remove(client.Comparisons[index].Key);
        client.Comparisons.RemoveAt(index);
        waitingCount--;
    }

    private static int LaneOf(Client client) => client.Guesses > 0 ? Guessing : Others;

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

    private sealed class Client(IPAddress address)
    {
        public IPAddress Address => address;

        /// <summary>How often it has guessed wrong lately, or asked while it had to wait.</summary>
        public int Guesses { get; set; }

        public List<Comparison> Comparisons { get; } = [];
    }

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
