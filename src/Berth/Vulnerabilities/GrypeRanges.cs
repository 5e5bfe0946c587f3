using System.Text.RegularExpressions;

namespace Berth.Vulnerabilities;

/// <summary>Grype's ranges of versions, such as <c>&gt;= 1.0, &lt; 1.2 || = 2.0</c>, as events of OSV's.</summary>
internal static partial class GrypeRanges
{
    private const int MaxLength = 10_000;
    private const int MaxAlternatives = 500;

    /// <summary>The ranges that a constraint means.</summary>
    /// <param name="constraint">The constraint; empty for all versions.</param>
    /// <param name="fixedIn">The version in which it is fixed; null if it is in none.</param>
    public static IEnumerable<OsvRange> Read(string constraint, string? fixedIn)
    {
        if (constraint.Length > MaxLength) return [];
        if (string.IsNullOrWhiteSpace(constraint) || constraint.Trim() == "none")
            return [RangeOf([new OsvEvent(OsvEventKind.Introduced, "0")], fixedIn)];
        return constraint.Split("||").Take(MaxAlternatives).Select(part => Alternative(part, fixedIn))
            .OfType<OsvRange>();
    }

    /// <summary>Null if it says nothing that is understood.</summary>
    private static OsvRange? Alternative(string text, string? fixedIn)
    {
        string? from = null;
        var events = new List<OsvEvent>();
        foreach (Match bound in Bound().Matches(text))
        {
            var version = bound.Groups["version"].Value;
            switch (bound.Groups["operator"].Value)
            {
                // OSV has no range that begins after a version: that one is counted with it.
                case ">=" or ">":
                    from = version;
                    break;
                case "<" when version == fixedIn:
                    events.Add(new OsvEvent(OsvEventKind.Fixed, version));
                    break;
                case "<":
                    events.Add(new OsvEvent(OsvEventKind.Limit, version));
                    break;
                case "<=":
                    events.Add(new OsvEvent(OsvEventKind.LastAffected, version));
                    break;
                case "" or "=" or "==":
                    from = version;
                    events.Add(new OsvEvent(OsvEventKind.LastAffected, version));
                    break;
                default:
                    return null;
            }
        }

        if (from is null && events.Count == 0) return null;
        events.Insert(0, new OsvEvent(OsvEventKind.Introduced, from ?? "0"));
        return RangeOf(events, fixedIn);
    }

    private static OsvRange RangeOf(List<OsvEvent> events, string? fixedIn)
    {
        if (fixedIn is not null && !events.Exists(one => one.Kind == OsvEventKind.Fixed))
            events.Add(new OsvEvent(OsvEventKind.Fixed, fixedIn));
        return new OsvRange(IsSemver: false, events);
    }

    [GeneratedRegex(@"(?<operator>[<>=!~^]*)\s*(?<version>[^\s,<>=!~^][^\s,<>=!]*)")]
    private static partial Regex Bound();
}
