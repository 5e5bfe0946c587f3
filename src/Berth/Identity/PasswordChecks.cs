using System.Net;
using System.Runtime.CompilerServices;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Identity;

/// <summary>The result of a password check.</summary>
internal enum PasswordAnswer
{
    Right,
    Wrong,

    /// <summary>Wrong, and tried before.</summary>
    WrongAgain,

    /// <summary>Not checked: too many checks are waiting.</summary>
    Busy,

    /// <summary>Not checked: too many wrong ones were tried.</summary>
    Slowed,

    /// <summary>Not checked: whoever knows is away.</summary>
    Unavailable,
}

/// <summary>
/// Checks passwords against bcrypt hashes. That is expensive by design, and clients send a password with each request.
/// So answers are cached under a keyed hash of all they depend on, and the rest goes to <see cref="BcryptQueue"/>.
/// </summary>
internal sealed class PasswordChecks(PasswordCheckSettings settings, FailedSignIns failed, TimeProvider clock)
{
    /// <summary>How long a right password is remembered after its last use.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How often at most a use is recorded, so that busy cores don't keep writing to the same memory.
    /// </summary>
    private static readonly TimeSpan NotedEvery = TimeSpan.FromSeconds(10);

    /// <summary>Cached answers of each kind, some 3 MB when full.</summary>
    private const int KeptAnswers = 10_000;

    private readonly BcryptQueue queue = new(settings);
    private readonly BoundedCache<StrongBox<long>> right = new(KeptAnswers);
    private readonly BoundedCache<bool> wrong = new(KeptAnswers);

    /// <param name="user">The user name.</param>
    /// <param name="password">The password.</param>
    /// <param name="hash">The user's bcrypt hash, or someone else's for an unknown user.</param>
    /// <param name="isKnown">False: the answer is "wrong", and takes as long as any other.</param>
    /// <param name="client">Who waits for the answer.</param>
    /// <param name="cancellation">Stops waiting.</param>
    public ValueTask<PasswordAnswer> CheckAsync(
        string user, string password, string hash, bool isKnown, IPAddress? client, CancellationToken cancellation)
    {
        Span<char> proof = stackalloc char[32];
        KeyedHash.Write(string.Concat(hash, isKnown ? "\0" : "\0\0", user, "\0" + password), proof);
        if (right.TryGet(proof, out var usedAt) && IsRemembered(usedAt)) return new(PasswordAnswer.Right);
        if (wrong.TryGet(proof, out _)) return new(PasswordAnswer.WrongAgain);
        return failed.FindWait(user, client) is null
            ? CompareAsync(proof.ToString(), user, password, hash, isKnown, client, cancellation)
            : new(PasswordAnswer.Slowed);
    }

    private async ValueTask<PasswordAnswer> CompareAsync(
        string proof, string user, string password, string hash, bool isKnown, IPAddress? client,
        CancellationToken cancellation)
    {
        var lately = failed.WrongFrom(client);
        if (await queue.CompareAsync(proof, password, hash, client, lately, cancellation) is not { } matches)
            return PasswordAnswer.Busy;

        if (matches && isKnown)
        {
            failed.NoteRight(user, client);
            right.Set(proof, new StrongBox<long>(clock.GetTimestamp()), cost: 1);
            return PasswordAnswer.Right;
        }

        // A wrong password stays wrong as long as the hash is the same, and the proof includes the hash.
        wrong.Set(proof, true, cost: 1);
        failed.NoteWrong(user, client);
        return PasswordAnswer.Wrong;
    }

    private bool IsRemembered(StrongBox<long> usedAt)
    {
        var unused = clock.GetElapsedTime(Volatile.Read(ref usedAt.Value));
        if (unused >= Remembered) return false;
        if (unused >= NotedEvery) Volatile.Write(ref usedAt.Value, clock.GetTimestamp());
        return true;
    }
}
