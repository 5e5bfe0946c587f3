using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Berth.Identity;

/// <summary>
/// A condition on a token's claims, such as
/// <code>
/// repository == "acme/*" and (ref == "refs/heads/main" or ref == "refs/tags/v*") and not actor in ["mallory", "eve"]
/// </code>
/// A claim that is absent has no value to compare. A comparison with it is neither true nor false, and the same is its
/// negation, so that nobody gets a right because a claim is missing: with <c>environment</c> absent, neither
/// <c>environment != "test"</c> nor <c>not (environment == "test")</c> holds.
/// </summary>
internal sealed class ClaimCondition
{
    /// <summary>The most characters of a condition; those of real rules have some hundred.</summary>
    public const int MaxChars = 4096;

    private readonly Node root;

    private ClaimCondition(string text, Node root) => (Text, this.root) = (text, root);

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>The outermost claims that it compares.</summary>
    public IEnumerable<string> Claims => root.Claims;

    /// <summary>False if it can't be read.</summary>
    /// <param name="text">The condition.</param>
    /// <param name="condition">What was read.</param>
    /// <param name="fault">What is wrong, and at which column.</param>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out ClaimCondition? condition, [NotNullWhen(false)] out string? fault)
    {
        (condition, fault) = (null, null);
        if (text.Length > MaxChars)
        {
            fault = $"is longer than {MaxChars} characters";
            return false;
        }

        try
        {
            condition = new ClaimCondition(text, new ClaimConditionReader(text).Read());
            return true;
        }
        catch (ClaimTextException e)
        {
            fault = e.Message;
            return false;
        }
    }

    /// <summary>Whether these claims fulfil it.</summary>
    public bool Holds(JsonElement claims) => root.Ask(claims) == true;

    /// <summary>The comparisons because of which it does not hold, each with the claim's value; for people.</summary>
    public IReadOnlyList<string> WhyNot(JsonElement claims)
    {
        var reasons = new List<string>();
        if (root.Ask(claims) != true) root.Explain(claims, true, reasons);
        return reasons;
    }

    public override string ToString() => Text;

    /// <summary>A part of a condition.</summary>
    internal abstract class Node
    {
        public abstract IEnumerable<string> Claims { get; }

        /// <summary>Null: neither true nor false, for want of a claim.</summary>
        public abstract bool? Ask(JsonElement claims);

        /// <summary>Names the comparisons that keep the answer from being the wanted one.</summary>
        public abstract void Explain(JsonElement claims, bool wanted, List<string> reasons);
    }

    /// <summary>All of several parts, or any of them.</summary>
    internal sealed class Several(IReadOnlyList<Node> parts, bool isAll) : Node
    {
        public override IEnumerable<string> Claims => parts.SelectMany(part => part.Claims);

        public override bool? Ask(JsonElement claims)
        {
            bool? answer = isAll;
            foreach (var part in parts)
            {
                var one = part.Ask(claims);
                if (one == !isAll) return one;
                answer = one is null ? null : answer;
            }

            return answer;
        }

        public override void Explain(JsonElement claims, bool wanted, List<string> reasons)
        {
            foreach (var part in parts)
            {
                if (part.Ask(claims) != wanted) part.Explain(claims, wanted, reasons);
            }
        }
    }

    /// <summary>The opposite of a part.</summary>
    internal sealed class Not(Node part) : Node
    {
        public override IEnumerable<string> Claims => part.Claims;

        public override bool? Ask(JsonElement claims) => !part.Ask(claims);

        public override void Explain(JsonElement claims, bool wanted, List<string> reasons) =>
            part.Explain(claims, !wanted, reasons);
    }

    /// <summary>Whether a claim, or any element of it, matches any of these.</summary>
    internal sealed class Comparison(ClaimPath path, IReadOnlyList<ClaimPattern> patterns, string text) : Node
    {
        public override IEnumerable<string> Claims => [path.First];

        public override bool? Ask(JsonElement claims)
        {
            var values = path.ValuesIn(claims);
            if (values.Count == 0) return null;
            foreach (var value in values)
            {
                foreach (var pattern in patterns)
                {
                    if (pattern.Matches(value)) return true;
                }
            }

            return false;
        }

        public override void Explain(JsonElement claims, bool wanted, List<string> reasons) =>
            reasons.Add($"{(wanted ? "" : "not ")}{path} {text}: {path.Describe(claims)}");
    }
}
