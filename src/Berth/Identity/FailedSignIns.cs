using System.Net;
using Berth.Access;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>
/// Slows down the guessing of passwords. Each wrong guess counts, not each use of a wrong password: a client with a
/// mistyped one guesses once. Who guesses is told by network, so that nobody can lock out a user elsewhere: only an
/// account that is guessed at from everywhere is closed to networks that have guessed wrong themselves, at whatever
/// account, and from which its user has not signed in before.
/// </summary>
/// <param name="settings">The limits.</param>
/// <param name="clock">The time.</param>
/// <param name="sparesNewNetworks">
/// False: an account that is guessed at from everywhere is closed to all others too.
/// </param>
internal sealed class FailedSignIns(FailedSignInSettings settings, TimeProvider clock, bool sparesNewNetworks = false)
{
    /// <summary>Networks and accounts that are watched: some 10 MB when full.</summary>
    private const int KeptCounts = 50_000;

    private readonly BoundedCache<Count> counts = new(KeptCounts);
    private readonly BoundedCache<object> proven = new(KeptCounts);
    private readonly Lock guessing = new();

    /// <summary>How long this client has to wait before it may guess again; null if it need not.</summary>
    public TimeSpan? FindWait(string account, IPAddress? client)
    {
        var keys = new Keys(account, client);
        var wait = Longest(WaitOf(keys.Network, settings.PerAddress), WaitOf(keys.Both, settings.PerAccount));
        return proven.TryGet(keys.Both, out _) || (sparesNewNetworks && WrongAt(keys.Network) == 0)
            ? wait
            : Longest(wait, WaitOf(keys.Account, settings.PerAccountFromAnywhere));
    }

    public void NoteWrong(string account, IPAddress? client)
    {
        var keys = new Keys(account, client);
        Add(keys.Network);
        Add(keys.Both);
        Add(keys.Account);
    }

    /// <summary>Counts a guess as wrong, until it is taken back; false, and nothing, if it has to wait.</summary>
    public bool TryGuess(string account, IPAddress? client)
    {
        lock (guessing)
        {
            if (FindWait(account, client) is not null) return false;
            NoteWrong(account, client);
            return true;
        }
    }

    /// <summary>The guess was right.</summary>
    public void TakeBack(string account, IPAddress? client)
    {
        var keys = new Keys(account, client);
        Remove(keys.Network);
        Remove(keys.Both);
        Remove(keys.Account);
    }

    /// <summary>How many wrong guesses have lately come from a client's network.</summary>
    public int WrongFrom(IPAddress? client) => WrongAt(new Keys("", client).Network);

    private int WrongAt(string key)
    {
        if (!counts.TryGet(key, out var count)) return 0;
        lock (count) return clock.GetElapsedTime(count.Since) < settings.Window ? count.Wrong : 0;
    }

    public void NoteRight(string account, IPAddress? client)
    {
        var pair = new Keys(account, client).Both;
        if (!proven.TryGet(pair, out _)) proven.Set(pair, pair, cost: 1);
    }

    private static TimeSpan? Longest(TimeSpan? one, TimeSpan? other) => one > other || other is null ? one : other;

    private TimeSpan? WaitOf(string key, int most)
    {
        if (!counts.TryGet(key, out var count)) return null;
        lock (count)
        {
            var age = clock.GetElapsedTime(count.Since);
            return count.Wrong >= most && age < settings.Window ? settings.Window - age : null;
        }
    }

    private void Add(string key)
    {
        if (!counts.TryGet(key, out var count)) counts.Set(key, count = new Count(), cost: 1);
        lock (count)
        {
            if (count.Wrong == 0 || clock.GetElapsedTime(count.Since) >= settings.Window)
                (count.Since, count.Wrong) = (clock.GetTimestamp(), 0);
            count.Wrong++;
        }
    }

    private void Remove(string key)
    {
        if (!counts.TryGet(key, out var count)) return;
        lock (count) count.Wrong = Math.Max(0, count.Wrong - 1);
    }

    /// <summary>What is counted for one guess. Names are what somebody typed, in any case.</summary>
    private readonly struct Keys(string account, IPAddress? client)
    {
        public string Network { get; } = $"from {ClientNetwork.Of(client)}";

        /// <summary>What is too long for a name is kept short: anybody can send it.</summary>
        public string Account { get; } = account.Length > AccountName.MaxLength
            ? $"for {KeyedHash.Of(account.ToLowerInvariant())}" : $"for {account.ToLowerInvariant()}";

        public string Both => $"{Network} {Account}";
    }

    private sealed class Count
    {
        public long Since { get; set; }

        public int Wrong { get; set; }
    }
}
