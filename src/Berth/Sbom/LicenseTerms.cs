namespace Berth.Sbom;

/// <summary>Asks an expression of licences (SPDX 2.3, annex D) whether it is fine, if each licence is fine or not: of
/// those with OR between them, one has to be, of those with AND, each. An exception (WITH) counts with its licence.
/// </summary>
internal sealed class LicenseTerms
{
    private const int MaxDepth = 32;

    private readonly string[] tokens;
    private readonly Func<string, bool> isFine;
    private int at;

    private LicenseTerms(string[] tokens, Func<string, bool> isFine) => (this.tokens, this.isFine) = (tokens, isFine);

    /// <summary>Null if it is no expression.</summary>
    public static bool? Ask(string expression, Func<string, bool> isFine)
    {
        var terms = new LicenseTerms(
            expression.Replace("(", " ( ", StringComparison.Ordinal).Replace(")", " ) ", StringComparison.Ordinal)
                .Split(' ', StringSplitOptions.RemoveEmptyEntries),
            isFine);
        var answer = terms.Either(0);
        return terms.at == terms.tokens.Length ? answer : null;
    }

    /// <summary>AND comes before OR.</summary>
    private bool? Either(int depth)
    {
        var answer = Both(depth);
        while (answer is not null && Takes("OR")) answer = Both(depth) is { } next ? answer.Value | next : null;
        return answer;
    }

    private bool? Both(int depth)
    {
        var answer = Term(depth);
        while (answer is not null && Takes("AND")) answer = Term(depth) is { } next ? answer.Value & next : null;
        return answer;
    }

    private bool? Term(int depth)
    {
        if (depth > MaxDepth || at == tokens.Length || tokens[at] is ")" or "AND" or "OR" or "WITH") return null;
        if (Takes("("))
        {
            var inner = Either(depth + 1);
            return Takes(")") ? inner : null;
        }

        var answer = isFine(tokens[at++]);
        if (!Takes("WITH")) return answer;
        return at++ < tokens.Length ? answer : null;
    }

    private bool Takes(string token)
    {
        if (at >= tokens.Length || tokens[at] != token) return false;
        at++;
        return true;
    }
}
