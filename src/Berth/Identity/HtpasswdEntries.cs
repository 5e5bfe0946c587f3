using System.Buffers;
using System.Text;

namespace Berth.Identity;

/// <summary>A line of an htpasswd file that can't be used, and why, without revealing secrets.</summary>
internal readonly record struct UnusableLine(int Number, string Reason);

/// <summary>
/// The entries of an htpasswd file, parsed as distribution does: lines are trimmed, blank ones and those that begin
/// with <c>#</c> are skipped, the first colon ends the name, and anything after the 60 characters of a hash is a
/// comment.
/// </summary>
internal sealed class HtpasswdEntries
{
    private const string Advice = "; make it with htpasswd -B";

    /// <summary>22 characters of salt and 31 of the hash itself.</summary>
    private const int SaltAndHashChars = 53;

    private static readonly SearchValues<char> HashChars =
        SearchValues.Create("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly Dictionary<string, string> hashes = new(StringComparer.Ordinal);
    private readonly List<UnusableLine> unusable = [];

    /// <summary>
    /// Each name's bcrypt hash, as <c>$2a$</c>: the letter after the 2 marks bugs that programs once had, and
    /// distribution ignores it.
    /// </summary>
    public IReadOnlyDictionary<string, string> Hashes => hashes;

    public IReadOnlyList<UnusableLine> Unusable => unusable;

    public static HtpasswdEntries Parse(ReadOnlySpan<byte> utf8)
    {
        var entries = new HtpasswdEntries();
        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(utf8).TrimStart('\uFEFF').AsSpan().EnumerateLines())
        {
            number++;
            var text = line.Trim();
            if (text.IsEmpty || text[0] == '#') continue;
            if (entries.Add(text) is { } reason) entries.unusable.Add(new UnusableLine(number, reason));
        }

        return entries;
    }

    /// <returns>What is wrong with the line, or null.</returns>
    private string? Add(ReadOnlySpan<char> line)
    {
        var colon = line.IndexOf(':');
        if (colon < 0) return "there is no colon; a line is name:hash" + Advice;
        if (colon == 0) return "there is no name before the colon; a line is name:hash" + Advice;
        var name = line[..colon].ToString();
        if (name.Any(char.IsControl)) return "the name holds a control character, which no client can send";
        if (!TryReadBcrypt(line[(colon + 1)..], out var hash)) return Explain(name, line[(colon + 1)..]) + Advice;
        var isFirst = hashes.TryAdd(name, hash);
        hashes[name] = hash;
        return isFirst ? null : $"'{name}' is in the file twice; this line counts, and the earlier one is ignored";
    }

    private static bool TryReadBcrypt(ReadOnlySpan<char> text, out string hash)
    {
        hash = "";
        if (!text.StartsWith("$2", StringComparison.Ordinal)) return false;
        var rest = text[2..];
        if (rest is ['a' or 'b' or 'x' or 'y', ..]) rest = rest[1..];
        if (rest is not ['$', >= '0' and <= '3', >= '0' and <= '9', '$', ..] || rest.Length < 4 + SaltAndHashChars)
        {
            return false;
        }

        var body = rest.Slice(4, SaltAndHashChars);
        if (body.ContainsAnyExcept(HashChars)) return false;
        hash = $"$2a{rest[..4]}{body}";
        return int.Parse(rest[1..3]) is >= 4 and <= 31;
    }

    private static string Explain(string name, ReadOnlySpan<char> hash)
    {
        var kind = hash switch
        {
            ['$', '2', ..] => "a bcrypt hash that is cut short or damaged",
            ['$', 'a', 'p', 'r', '1', '$', ..] or ['$', '1', '$', ..] => "an MD5 hash",
            ['{', 'S', 'H', 'A', '}', ..] => "a SHA-1 hash without salt",
            ['$', '5', '$', ..] or ['$', '6', '$', ..] => "a SHA-2 hash of crypt",
            [] => "nothing after the colon",
            _ => "no hash of a known kind",
        };
        return $"'{name}' has {kind}, but only bcrypt is supported";
    }
}
