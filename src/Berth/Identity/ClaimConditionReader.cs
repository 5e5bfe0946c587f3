namespace Berth.Identity;

/// <summary>
/// Reads a condition by recursive descent; each rule of the grammar is a function:
/// <code>
/// either  = both, { ("or" | "||"), both }
/// both    = single, { ("and" | "&amp;&amp;"), single }
/// single  = ("not" | "!"), single | "(", either, ")" | path, ("==" | "!="), quoted | path, ["not"], "in", list
/// list    = "[", quoted, { ",", quoted }, "]"
/// </code>
/// </summary>
internal sealed class ClaimConditionReader(string text)
{
    /// <summary>Deep enough for people, and for the stack.</summary>
    private const int MaxDepth = 32;

    private readonly ClaimText source = new(text);
    private int depth;

    /// <exception cref="ClaimTextException">It is not a condition.</exception>
    public ClaimCondition.Node Read()
    {
        if (source.IsAtEnd) throw source.Fault("expected a condition, such as repository == \"acme/*\"");
        var read = ReadEither();
        return source.IsAtEnd ? read : throw source.Fault("expected and, or, or the end");
    }

    private ClaimCondition.Node ReadEither()
    {
        List<ClaimCondition.Node> parts = [ReadBoth()];
        while (source.TakeWord("or") || source.TakeSymbol("||")) parts.Add(ReadBoth());
        return parts is [var only] ? only : new ClaimCondition.Several(parts, isAll: false);
    }

    private ClaimCondition.Node ReadBoth()
    {
        List<ClaimCondition.Node> parts = [ReadSingle()];
        while (source.TakeWord("and") || source.TakeSymbol("&&")) parts.Add(ReadSingle());
        return parts is [var only] ? only : new ClaimCondition.Several(parts, isAll: true);
    }

    private ClaimCondition.Node ReadSingle()
    {
        if (++depth > MaxDepth) throw source.Fault($"conditions are at most {MaxDepth} levels deep");
        var read = source.TakeWord("not") || source.TakeSymbol("!") ? new ClaimCondition.Not(ReadSingle())
            : source.TakeSymbol("(") ? ReadGroup()
            : ReadComparison();
        depth--;
        return read;
    }

    private ClaimCondition.Node ReadGroup()
    {
        var inner = ReadEither();
        return source.TakeSymbol(")") ? inner : throw source.Fault("expected ), and or or");
    }

    private ClaimCondition.Node ReadComparison()
    {
        var path = source.TakePath();
        if (source.TakeSymbol("==")) return Compare(path, [source.TakeQuoted()], isList: false);
        if (source.TakeSymbol("!="))
            return new ClaimCondition.Not(Compare(path, [source.TakeQuoted()], isList: false));
        if (source.TakeWord("in")) return Compare(path, ReadList(), isList: true);
        if (!source.TakeWord("not")) throw source.Fault("expected ==, !=, in or not in");
        return source.TakeWord("in")
            ? new ClaimCondition.Not(Compare(path, ReadList(), isList: true))
            : throw source.Fault("expected in");
    }

    private List<string> ReadList()
    {
        if (!source.TakeSymbol("[")) throw source.Fault("expected a list, as in [\"one\", \"two\"]");
        var values = new List<string>();
        do values.Add(source.TakeQuoted());
        while (source.TakeSymbol(","));
        return source.TakeSymbol("]") ? values : throw source.Fault("expected , or ]");
    }

    private static ClaimCondition.Comparison Compare(ClaimPath path, List<string> values, bool isList)
    {
        var quoted = string.Join(", ", values.Select(value => $"\"{value}\""));
        return new ClaimCondition.Comparison(
            path, [.. values.Select(ClaimPattern.Parse)], isList ? $"in [{quoted}]" : "== " + quoted);
    }
}
