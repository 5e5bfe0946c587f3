using System.Text.RegularExpressions;

namespace Berth.Sbom;

/// <summary>A licence as a package names it, in the words of SPDX so far as it has such.</summary>
/// <param name="Expression">In its expressions (SPDX 2.3, annex D); with <c>LicenseRef-</c> for what it has no name
/// for.</param>
/// <param name="Others">What these are.</param>
internal sealed record License(string Expression, IReadOnlyList<(string Id, string Text)> Others)
{
    /// <summary>Whether it is one licence that SPDX has a name for.</summary>
    public bool IsOne => Others.Count == 0 && Licenses.IsKnown(Expression);
}

/// <summary>Reads the licences of packages, which follow no rule but that of whoever packs them.</summary>
internal static partial class Licenses
{
    /// <summary>What SPDX calls a licence that nobody has named.</summary>
    public const string None = "NOASSERTION";

    /// <summary>How the names begin of those that SPDX has none for.</summary>
    public const string Reference = "LicenseRef-";

    private const int MaxDepth = 16;

    /// <summary>The names that SPDX has, by themselves whatever their letters' case.</summary>
    private static readonly (HashSet<string> Licenses, HashSet<string> Exceptions) Known = Load();

    /// <summary>What Debian, Fedora and Python call some that are everywhere.</summary>
    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Expat"] = "MIT",
        ["MIT License"] = "MIT",
        ["Apache License 2.0"] = "Apache-2.0",
        ["Apache License, Version 2.0"] = "Apache-2.0",
        ["Apache Software License"] = "Apache-2.0",
        ["Apache 2.0"] = "Apache-2.0",
        ["Apache-2"] = "Apache-2.0",
        ["BSD-2-clauses"] = "BSD-2-Clause",
        ["BSD-3-clauses"] = "BSD-3-Clause",
        ["Mozilla Public License 2.0 (MPL 2.0)"] = "MPL-2.0",
        ["Python Software Foundation License"] = "PSF-2.0",
        ["ISC License (ISCL)"] = "ISC",
        ["zlib/libpng License"] = "Zlib",
    };

    /// <summary>Whether SPDX has the name of a licence.</summary>
    public static bool IsKnown(string name) => Known.Licenses.Contains(name);

    /// <param name="text">As the package has it.</param>
    public static License Read(string text)
    {
        var others = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var tokens = Token().Matches(text).Select(match => match.Value).ToList();
        var at = 0;
        var expression = Named(text.Trim()) ?? Expression(tokens, ref at, others, depth: 0);
        if (expression is null || (at < tokens.Count && at > 0))
        {
            // A name with spaces in it.
            others.Clear();
            expression = Other(text.Trim(), others);
        }

        return new License(expression ?? None, [.. others.Select(one => (one.Key, one.Value))]);
    }

    /// <summary>Terms with AND or OR between them; null if there is something else.</summary>
    private static string? Expression(
        List<string> tokens, ref int at, SortedDictionary<string, string> others, int depth)
    {
        var expression = Term(tokens, ref at, others, depth);
        while (expression is not null && at < tokens.Count && Operator(tokens[at]) is { } found)
        {
            at++;
            expression = Term(tokens, ref at, others, depth) is { } next ? $"{expression} {found} {next}" : null;
        }

        return expression;
    }

    /// <summary>A name, which may have an exception, or what is in parentheses: an expression, or a name with spaces in
    /// it.</summary>
    private static string? Term(
        List<string> tokens, ref int at, SortedDictionary<string, string> others, int depth)
    {
        if (depth > MaxDepth || at >= tokens.Count || tokens[at] == ")" || Operator(tokens[at]) is not null)
            return null;
        var word = tokens[at++];
        if (word == "(")
        {
            var begin = at;
            var inner = Expression(tokens, ref at, others, depth + 1);
            if (inner is not null && at < tokens.Count && tokens[at] == ")")
            {
                at++;
                return $"({inner})";
            }

            var end = tokens.IndexOf(")", begin);
            if (end < 0 || tokens.IndexOf("(", begin, end - begin) >= 0) return null;
            at = end + 1;
            var inside = string.Join(' ', tokens[begin..end]);
            return Named(inside) ?? Other(inside, others);
        }

        var name = Named(word) ?? Other(word, others);
        if (at >= tokens.Count || !tokens[at].Equals("WITH", StringComparison.OrdinalIgnoreCase)) return name;
        at++;
        if (at >= tokens.Count) return null;
        if (ExceptionNamed(tokens[at]) is { } exception)
        {
            at++;
            return $"{name} WITH {exception}";
        }

        // SPDX does not know the exception: the licence is there all the same, and so is what it says besides.
        var first = at;
        while (at < tokens.Count && tokens[at] is not ("(" or ")") && Operator(tokens[at]) is null) at++;
        return name is not null && at > first
            && Other($"{word} with {string.Join(' ', tokens[first..at])}", others) is { } rest
            ? $"{name} AND {rest}" : null;
    }

    private static string? Operator(string word) => word.ToUpperInvariant() switch
    {
        "AND" => "AND",
        "OR" => "OR",
        _ => null,
    };

    private static string? ExceptionNamed(string word) =>
        Known.Exceptions.TryGetValue(word, out var exception) ? exception : null;

    private static string? Named(string word)
    {
        if (OtherNames.TryGetValue(word, out var other)) return other;
        if (Gnu().Match(word) is { Success: true } gnu)
        {
            var version = gnu.Groups[2].Value is var number && number.Contains('.') ? number : number + ".0";
            var name = $"{gnu.Groups[1].Value.ToUpperInvariant()}-{version}-"
                + (gnu.Groups[3].Length > 0 ? "or-later" : "only");
            if (Known.Licenses.Contains(name)) return name;
        }

        var isOrLater = word.EndsWith('+');
        return Known.Licenses.TryGetValue(isOrLater ? word[..^1] : word, out var license)
            ? isOrLater ? license + "+" : license : null;
    }

    /// <summary>A name of our own for it; null if it has no letter that names may have.</summary>
    private static string? Other(string text, SortedDictionary<string, string> others)
    {
        var id = Reference + Unfit().Replace(text.StartsWith(Reference, StringComparison.Ordinal)
            ? text[Reference.Length..] : text, "-").Trim('-');
        if (id.Length == Reference.Length) return null;
        others[id] = text;
        return id;
    }

    private static (HashSet<string> Licenses, HashSet<string> Exceptions) Load()
    {
        using var reader = new StreamReader(
            typeof(Licenses).Assembly.GetManifestResourceStream("spdx-licenses.txt")!);
        var lists = reader.ReadToEnd().Split("\n\n");
        return (Set(lists[0]), Set(lists[1]));

        static HashSet<string> Set(string list) => new(
            list.Split('\n', StringSplitOptions.RemoveEmptyEntries), StringComparer.OrdinalIgnoreCase);
    }

    [GeneratedRegex(@"\(|\)|[^\s()]+", RegexOptions.NonBacktracking)]
    private static partial Regex Token();

    /// <summary>Debian's names of GNU's licences: GPL-2, GPL-2+, LGPL-2.1+.</summary>
    [GeneratedRegex(@"^([AL]?GPL|GFDL)v?-?(\d(?:\.\d)?)(\+)?$", RegexOptions.NonBacktracking | RegexOptions.IgnoreCase)]
    private static partial Regex Gnu();

    [GeneratedRegex("[^0-9A-Za-z.-]+", RegexOptions.NonBacktracking)]
    private static partial Regex Unfit();
}
