namespace Berth.Vulnerabilities;

/// <summary>
/// Scores vectors of the Common Vulnerability Scoring System. Of versions 2 and 3 the base score; of version 4 also
/// what its threat and environmental metrics make of it, as its specification wants.
/// </summary>
internal static class Cvss
{
    /// <summary>The score of a vector, as <c>CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</c>; null if it is none.
    /// </summary>
    public static CvssScore? Score(string text)
    {
        if (CvssVector.Parse(text) is not { } vector) return null;
        var score = vector.Version switch
        {
            "2.0" => Version2(vector),
            "3.0" or "3.1" => Version3(vector),
            _ => Cvss4.Score(vector),
        };
        return new CvssScore(vector.Version, score);
    }

    /// <summary>"A Complete Guide to the Common Vulnerability Scoring System Version 2.0", section 3.2.1.</summary>
    private static decimal Version2(CvssVector vector)
    {
        var impact = 10.41m * (1 - (Kept("C") * Kept("I") * Kept("A")));
        if (impact == 0) return 0;
        var exploitability = 20
            * vector.Weigh("AV", ("L", 0.395m), ("A", 0.646m), ("N", 1))
            * vector.Weigh("AC", ("H", 0.35m), ("M", 0.61m), ("L", 0.71m))
            * vector.Weigh("Au", ("M", 0.45m), ("S", 0.56m), ("N", 0.704m));
        var score = ((0.6m * impact) + (0.4m * exploitability) - 1.5m) * 1.176m;
        return Math.Round(score, 1, MidpointRounding.AwayFromZero);

        decimal Kept(string metric) => 1 - vector.Weigh(metric, ("N", 0), ("P", 0.275m), ("C", 0.66m));
    }

    /// <summary>"Common Vulnerability Scoring System v3.1: Specification Document", section 7.1.</summary>
    private static decimal Version3(CvssVector vector)
    {
        var changed = vector["S"] == "C";
        var lost = 1 - (Kept("C") * Kept("I") * Kept("A"));
        var impact = changed ? (7.52m * (lost - 0.029m)) - (3.25m * Power15(lost - 0.02m)) : 6.42m * lost;
        if (impact <= 0) return 0;
        var exploitability = 8.22m
            * vector.Weigh("AV", ("N", 0.85m), ("A", 0.62m), ("L", 0.55m), ("P", 0.2m))
            * vector.Weigh("AC", ("L", 0.77m), ("H", 0.44m))
            * vector.Weigh("PR", ("N", 0.85m), ("L", changed ? 0.68m : 0.62m), ("H", changed ? 0.5m : 0.27m))
            * vector.Weigh("UI", ("N", 0.85m), ("R", 0.62m));
        var score = Math.Min((impact + exploitability) * (changed ? 1.08m : 1), 10);
        return vector.Version == "3.0" ? Math.Ceiling(score * 10) / 10 : RoundUp(score);

        decimal Kept(string metric) => 1 - vector.Weigh(metric, ("N", 0), ("L", 0.22m), ("H", 0.56m));
    }

    private static decimal Power15(decimal number)
    {
        var power = 1m;
        for (var i = 0; i < 15; i++) power *= number;
        return power;
    }

    /// <summary>To the next tenth, unless only the fifth decimal is over (appendix A of version 3.1).</summary>
    private static decimal RoundUp(decimal score) =>
        Math.Ceiling(Math.Round(score * 100_000, MidpointRounding.AwayFromZero) / 10_000) / 10;
}
