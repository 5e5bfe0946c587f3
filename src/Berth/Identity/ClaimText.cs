using System.Text;

namespace Berth.Identity;

/// <summary>A text in the language of conditions that can't be read.</summary>
/// <param name="column">Where, from 1.</param>
/// <param name="reason">What is expected there.</param>
internal sealed class ClaimTextException(int column, string reason) : FormatException($"at column {column}: {reason}");

/// <summary>Reads words, quoted texts and paths from the text of a condition or a template.</summary>
internal sealed class ClaimText(string text)
{
    private const int MaxNames = 8;

    private static readonly string[] Keywords = ["and", "or", "not", "in"];

    private int at;

    public bool IsAtEnd
    {
        get
        {
            SkipSpace();
            return at == text.Length;
        }
    }

    /// <summary>Whether anything is left, and be it space.</summary>
    public bool HasMore => at < text.Length;

    public static bool IsKeyword(string word) => Keywords.Contains(word, StringComparer.Ordinal);

    public static bool IsWordPart(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';

    /// <summary>Takes this symbol if it is next.</summary>
    public bool TakeSymbol(string symbol)
    {
        SkipSpace();
        if (!text.AsSpan(at).StartsWith(symbol, StringComparison.Ordinal)) return false;
        at += symbol.Length;
        return true;
    }

    /// <summary>Takes this word if it is next and ends there.</summary>
    public bool TakeWord(string word)
    {
        SkipSpace();
        if (WordLength() != word.Length || !text.AsSpan(at).StartsWith(word, StringComparison.Ordinal)) return false;
        at += word.Length;
        return true;
    }

    /// <summary><c>name</c>, <c>`any name`</c> or <c>claim["any name"]</c>, then any number of inner names.</summary>
    /// <exception cref="ClaimTextException">There is no path here.</exception>
    public ClaimPath TakePath()
    {
        SkipSpace();
        var start = at;
        List<string> names = [TakeName()];
        // `claim` is only a word of the language in front of a bracket; a claim may have that name too.
        if (names[0] == "claim" && text[start] != '`' && TakeSymbol("["))
        {
            names[0] = TakeBracketed();
        }

        while (true)
        {
            if (TakeSymbol(".")) names.Add(TakeName());
            else if (TakeSymbol("[")) names.Add(TakeBracketed());
            else break;
            if (names.Count > MaxNames) throw Fault($"a claim is at most {MaxNames} names deep");
        }

        return new ClaimPath(names);
    }

    /// <summary>A text in double or single quotes, without them, but with its backslashes.</summary>
    /// <exception cref="ClaimTextException">There is none here.</exception>
    public string TakeQuoted()
    {
        SkipSpace();
        var quote = at < text.Length ? text[at] : ' ';
        if (quote is not ('"' or '\'')) throw Fault("expected a value in quotes, such as \"acme/*\"");
        var start = ++at;
        while (at < text.Length && text[at] != quote)
        {
            if (text[at] != '\\')
            {
                at++;
                continue;
            }

            if (at + 1 < text.Length && text[at + 1] is '\\' or '"' or '\'' or '*') at += 2;
            else throw Fault("a backslash is followed by a quote, a star or a backslash");
        }

        if (at < text.Length) return text[start..at++];
        at = start - 1;
        throw Fault("this quote is never closed");
    }

    /// <summary>Up to this character or the end.</summary>
    public string TakeUntil(char end)
    {
        var start = at;
        while (at < text.Length && text[at] != end) at++;
        return text[start..at];
    }

    /// <summary>What is wrong at the place reached.</summary>
    public ClaimTextException Fault(string reason) => new(at + 1, reason);

    private string TakeBracketed()
    {
        var name = Unescaped(TakeQuoted());
        if (name.Length == 0) throw Fault("a claim has a name");
        return TakeSymbol("]") ? name : throw Fault("expected ]");
    }

    private string TakeName()
    {
        SkipSpace();
        if (at < text.Length && text[at] == '`')
        {
            var end = text.IndexOf('`', at + 1);
            if (end < 0) throw Fault("this backquote is never closed");
            if (end == at + 1) throw Fault("a claim has a name");
            var quoted = text[(at + 1)..end];
            at = end + 1;
            return quoted;
        }

        var word = text[at..(at + WordLength())];
        if (word.Length == 0) throw Fault("expected the name of a claim");
        if (IsKeyword(word)) throw Fault($"expected the name of a claim; if {word} is one, write `{word}`");
        at += word.Length;
        return word;
    }

    private int WordLength()
    {
        if (at == text.Length || !(char.IsAsciiLetter(text[at]) || text[at] == '_')) return 0;
        var end = at;
        while (end < text.Length && IsWordPart(text[end])) end++;
        return end - at;
    }

    private void SkipSpace()
    {
        while (at < text.Length && text[at] is ' ' or '\t' or '\r' or '\n') at++;
    }

    private static string Unescaped(string quoted)
    {
        var plain = new StringBuilder(quoted.Length);
        for (var i = 0; i < quoted.Length; i++)
        {
            if (quoted[i] == '\\') i++;
            plain.Append(quoted[i]);
        }

        return plain.ToString();
    }
}
