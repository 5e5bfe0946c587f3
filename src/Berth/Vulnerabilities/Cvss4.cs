namespace Berth.Vulnerabilities;

/// <summary>
/// Scores a vector of version 4 ("Common Vulnerability Scoring System version 4.0: Specification Document", section 8):
/// five groups of metrics put it into a class, each of which has the score of its worst vectors. How far it is from
/// these, in each group, is taken off in proportion to the next lower class's score.
/// </summary>
internal static class Cvss4
{
    /// <summary>The values of each metric, from the worst. The distance between two is that of their places.</summary>
    private static readonly Dictionary<string, string> Levels = new()
    {
        ["AV"] = "NALP",
        ["PR"] = "NLH",
        ["UI"] = "NPA",
        ["AC"] = "LH",
        ["AT"] = "NP",
        ["VC"] = "HLN",
        ["VI"] = "HLN",
        ["VA"] = "HLN",
        ["CR"] = "HML",
        ["IR"] = "HML",
        ["AR"] = "HML",
        ["SC"] = "SHLN",
        ["SI"] = "SHLN",
        ["SA"] = "SHLN",
    };

    private static readonly Group Exploitability = new(
        ["AV", "PR", "UI"],
        [new(1, "NNN"), new(4, "ANN", "NLN", "NNP"), new(5, "PNN", "ALP")]);

    private static readonly Group Complexity = new(["AC", "AT"], [new(1, "LN"), new(2, "HN", "LP")]);

    /// <summary>EQ3 and EQ6 together: by both, 0 0, 0 1, 1 0, 1 1, and 2 1.</summary>
    private static readonly Group Impact = new(
        ["VC", "VI", "VA", "CR", "IR", "AR"],
        [
            new(7, "HHHHHH"), new(6, "HHLMMH", "HHHMMM"), new(8, "LHHHHH", "HLHHHH"),
            new(8, "LHLHMH", "LHHHMM", "HLHMHM", "HLLMHH", "LLHHHM"), new(10, "LLLHHH"),
        ]);

    private static readonly Group Subsequent = new(
        ["SC", "SI", "SA"], [new(6, "HSS"), new(5, "HHH"), new(4, "LLL")]);

    public static decimal Score(CvssVector vector)
    {
        if (Group.Harm.All(metric => ValueOf(vector, metric) == 'N')) return 0;
        var at = ClassOf(vector);
        var score = ScoreOf(at)!.Value;
        var (taken, lower) = (0m, 0);
        Take(Exploitability.DistanceOf(vector, at.Exploitability), at with { Exploitability = at.Exploitability + 1 });
        Take(Complexity.DistanceOf(vector, at.Complexity), at with { Complexity = at.Complexity + 1 });
        Take(Impact.DistanceOf(vector, (at.Impact * 2) + (at.Impact == 2 ? 0 : at.Required)), LowerImpact(at));
        Take(Subsequent.DistanceOf(vector, at.Subsequent), at with { Subsequent = at.Subsequent + 1 });
        // All vectors of one class have the same threat.
        Take(0, at with { Threat = at.Threat + 1 });
        var mean = lower == 0 ? 0 : taken / lower;
        // What is short of a half only because a seventh has no end is rounded as if it were one.
        return Math.Round(Math.Clamp(score - mean, 0, 10) + 0.000001m, 1, MidpointRounding.AwayFromZero);

        void Take(decimal distance, MacroVector next)
        {
            if (ScoreOf(next) is not { } nextScore) return;
            lower++;
            taken += (score - nextScore) * distance;
        }
    }

    /// <summary>Its value as it counts: as modified for an environment, or the worst if nothing is said.</summary>
    private static char ValueOf(CvssVector vector, string metric)
    {
        if (vector["M" + metric] is { } modified and not "X") return modified[0];
        return vector[metric] is { } value and not "X" ? value[0] : metric == "E" ? 'A' : 'H';
    }

    /// <summary>Tables 24 to 29.</summary>
    private static MacroVector ClassOf(CvssVector vector)
    {
        var (av, pr, ui) = (Is("AV", 'N'), Is("PR", 'N'), Is("UI", 'N'));
        var (vc, vi, va) = (Is("VC", 'H'), Is("VI", 'H'), Is("VA", 'H'));
        var isSafety = Is("SI", 'S') || Is("SA", 'S');
        var isHigh = Is("SC", 'H') || Is("SI", 'H') || Is("SA", 'H');
        var isRequired = (vc && Is("CR", 'H')) || (vi && Is("IR", 'H')) || (va && Is("AR", 'H'));
        return new MacroVector(
            av && pr && ui ? 0 : (av || pr || ui) && !Is("AV", 'P') ? 1 : 2,
            Is("AC", 'L') && Is("AT", 'N') ? 0 : 1,
            vc && vi ? 0 : vc || vi || va ? 1 : 2,
            isSafety ? 0 : isHigh ? 1 : 2,
            ValueOf(vector, "E") switch { 'A' => 0, 'P' => 1, _ => 2 },
            isRequired ? 0 : 1);

        bool Is(string metric, char value) => ValueOf(vector, metric) == value;
    }

    /// <summary>From the worst class there are two lower ones, of which the worse counts.</summary>
    private static MacroVector LowerImpact(MacroVector at)
    {
        var lessRequired = at with { Required = 1 };
        var lessImpact = at with { Impact = at.Impact + 1 };
        if (at.Required == 1) return lessImpact;
        return at.Impact == 0 && ScoreOf(lessImpact) > ScoreOf(lessRequired) ? lessImpact : lessRequired;
    }

    private static decimal? ScoreOf(MacroVector at)
    {
        if (at is not { Exploitability: < 3, Complexity: < 2, Impact: < 3, Subsequent: < 3, Threat: < 3 }) return null;
        var group = (((at.Exploitability * 2) + at.Complexity) * 3) + at.Impact;
        var place = (((((group * 3) + at.Subsequent) * 3) + at.Threat) * 2) + at.Required;
        return Scores[place] == 0 ? null : Scores[place] / 10m;
    }

    /// <summary>The class of a vector, 0 the worst in each group: EQ1 to EQ6.</summary>
    private readonly record struct MacroVector(
        int Exploitability, int Complexity, int Impact, int Subsequent, int Threat, int Required);

    /// <summary>The worst vectors of a class, and how far the others are from them at most.</summary>
    private sealed record Worst(int Depth, params string[] Vectors);

    /// <summary>Metrics that count together, and their classes.</summary>
    private sealed record Group(string[] Metrics, Worst[] Classes)
    {
        public static readonly string[] Harm = ["VC", "VI", "VA", "SC", "SI", "SA"];

        /// <summary>From the first of the worst vectors that is better in no metric, as a part of the farthest.
        /// </summary>
        public decimal DistanceOf(CvssVector vector, int place)
        {
            var (depth, vectors) = (Classes[place].Depth, Classes[place].Vectors);
            foreach (var worst in vectors)
            {
                var distances = Metrics.Select(
                    (metric, at) => LevelOf(metric, ValueOf(vector, metric)) - LevelOf(metric, worst[at])).ToList();
                if (distances.All(distance => distance >= 0)) return (decimal)distances.Sum() / depth;
            }

            throw new InvalidOperationException("Each vector is below one of the worst of its class.");
        }

        private static int LevelOf(string metric, char value) => Levels[metric].IndexOf(value);
    }

    /// <summary>
    /// The score of each class in tenths, as FIRST publishes them; 0 is none. A block for each EQ1 and EQ2, in it a
    /// line for each EQ3, in that EQ4, EQ5 and EQ6.
    /// </summary>
    private static ReadOnlySpan<byte> Scores =>
    [
        // 00
        100, 99, 98, 95, 95, 92, 100, 96, 93, 87, 91, 81, 93, 90, 89, 80, 81, 68,
        98, 95, 95, 92, 90, 84, 93, 92, 89, 81, 81, 65, 88, 80, 78, 70, 69, 48,
        0, 92, 0, 82, 0, 72, 0, 79, 0, 69, 0, 50, 0, 69, 0, 55, 0, 27,
        // 01
        99, 97, 95, 92, 92, 85, 95, 91, 90, 83, 84, 71, 92, 81, 82, 71, 72, 53,
        95, 93, 92, 85, 85, 73, 92, 82, 80, 72, 70, 59, 84, 70, 71, 52, 50, 30,
        0, 86, 0, 75, 0, 52, 0, 71, 0, 52, 0, 29, 0, 63, 0, 29, 0, 17,
        // 10
        98, 95, 94, 87, 91, 81, 94, 89, 86, 74, 77, 64, 87, 75, 74, 63, 63, 49,
        94, 89, 88, 77, 76, 67, 86, 76, 74, 58, 59, 50, 72, 57, 57, 52, 52, 25,
        0, 83, 0, 70, 0, 54, 0, 65, 0, 58, 0, 26, 0, 53, 0, 21, 0, 13,
        // 11
        95, 90, 88, 76, 76, 70, 90, 77, 75, 62, 61, 53, 77, 66, 68, 59, 52, 30,
        89, 78, 76, 67, 62, 58, 74, 59, 57, 57, 47, 23, 61, 52, 57, 29, 24, 16,
        0, 71, 0, 59, 0, 30, 0, 58, 0, 26, 0, 15, 0, 23, 0, 13, 0, 6,
        // 20
        93, 87, 86, 72, 75, 58, 86, 74, 74, 61, 56, 34, 70, 54, 52, 40, 40, 22,
        85, 75, 74, 55, 62, 51, 72, 57, 55, 41, 46, 19, 53, 36, 34, 19, 19, 8,
        0, 64, 0, 51, 0, 20, 0, 47, 0, 21, 0, 11, 0, 24, 0, 9, 0, 4,
        // 21
        88, 75, 73, 53, 60, 50, 73, 55, 59, 40, 41, 20, 54, 43, 45, 22, 20, 11,
        75, 55, 58, 45, 40, 21, 61, 51, 48, 18, 20, 9, 46, 18, 17, 7, 8, 2,
        0, 53, 0, 24, 0, 14, 0, 24, 0, 12, 0, 5, 0, 10, 0, 3, 0, 1,
    ];
}
