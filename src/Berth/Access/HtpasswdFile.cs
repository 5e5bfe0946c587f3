using System.Security.Cryptography;
using System.Text;
using Berth.Metadata;

namespace Berth.Access;

/// <summary>
/// Users and bcrypt hashes from a file that `htpasswd -B` writes, read again when it changes. A password that was right
/// is remembered for a while under a keyed hash, since bcrypt is dear by design and clients send it with each request.
/// </summary>
internal sealed class HtpasswdFile(string path, TimeProvider clock)
{
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan CheckedEvery = TimeSpan.FromSeconds(1);

    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private volatile Content content = Load(path, clock.GetUtcNow());

    public bool Verify(string user, string password)
    {
        var current = Current();
        var known = current.Hashes.TryGetValue(user, out var hash);
        var secret = Encoding.UTF8.GetBytes($"{hash}\0{user}\0{password}");
        var proof = Convert.ToHexString(HMACSHA256.HashData(key, secret));
        var now = clock.GetUtcNow();
        if (known && current.Proofs.TryGet(proof, out var until) && now < until) return true;

        // Somebody unknown costs as much as somebody known, so that names can't be told by the clock.
        var isRight = Matches(password, hash ?? current.AnyHash) && known;
        if (isRight) current.Proofs.Set(proof, now + Remembered, cost: 1);
        return isRight;
    }

    private static bool Matches(string password, string hash)
    {
        try
        {
            return BCrypt.Net.BCrypt.Verify(password, hash);
        }
        catch (BCrypt.Net.SaltParseException)
        {
            return false;
        }
    }

    private Content Current()
    {
        var current = content;
        var now = clock.GetUtcNow();
        if (now - current.CheckedAt < CheckedEvery) return current;
        var written = File.GetLastWriteTimeUtc(path);
        if (written == current.WrittenUtc)
        {
            current.CheckedAt = now;
            return current;
        }

        try
        {
            return content = Load(path, now);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody is replacing the file: its users stay as they were until it can be read again.
            current.CheckedAt = now;
            return current;
        }
    }

    private static Content Load(string path, DateTimeOffset now)
    {
        var written = File.GetLastWriteTimeUtc(path);
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(path))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[0] != '#') hashes[line[..colon]] = line[(colon + 1)..].Trim();
        }

        return new Content(hashes, written) { CheckedAt = now };
    }

    private sealed class Content(Dictionary<string, string> hashes, DateTime writtenUtc)
    {
        public Dictionary<string, string> Hashes { get; } = hashes;

        public DateTime WrittenUtc { get; } = writtenUtc;

        public DateTimeOffset CheckedAt { get; set; }

        public BoundedCache<DateTimeOffset> Proofs { get; } = new(maxCost: 10_000);

        public string AnyHash { get; } = hashes.Values.FirstOrDefault(h => h.StartsWith("$2", StringComparison.Ordinal))
            ?? "$2y$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";
    }
}
