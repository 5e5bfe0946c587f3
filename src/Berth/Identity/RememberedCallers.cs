using Berth.Access;
using Berth.Metadata;

namespace Berth.Identity;

/// <summary>
/// Who sent a header with a right password a moment ago, so that a client which sends it with each request costs one
/// hash. Good for some seconds, and only as long as nobody's password, rights or factors have changed.
/// </summary>
internal sealed class RememberedCallers(AccessVersion version, TimeProvider clock)
{
    /// <summary>Short, so that a password in use is still noted as such where it is checked.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5);

    /// <summary>Some 3 MB when full.</summary>
    private const int Kept = 10_000;

    private const int KeyChars = 32;

    private readonly BoundedCache<Answer> answers = new(Kept);

    private sealed record Answer(Caller Caller, long Version, long At);

    /// <summary>The caller with this header; null if it must be checked.</summary>
    public Caller? Find(string header)
    {
        Span<char> key = stackalloc char[KeyChars];
        KeyedHash.Write(header, key);
        return version.TryGet(out var number) && answers.TryGet(key, out var answer) && answer.Version == number
            && clock.GetElapsedTime(answer.At) < Remembered ? answer.Caller : null;
    }

    /// <summary>Remembers who sent a header.</summary>
    /// <param name="header">The header.</param>
    /// <param name="caller">Who.</param>
    /// <param name="number">The version before it was checked.</param>
    public void Set(string header, Caller caller, long number)
    {
        Span<char> key = stackalloc char[KeyChars];
        KeyedHash.Write(header, key);
        answers.Set(key.ToString(), new Answer(caller, number, clock.GetTimestamp()), cost: 1);
    }
}
