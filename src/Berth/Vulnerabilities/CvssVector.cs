namespace Berth.Vulnerabilities;

/// <summary>A vector whose metrics and values are those of its version: all of the base ones, none twice.</summary>
internal sealed class CvssVector
{
    /// <summary>The longest of version 4 that says everything has 230.</summary>
    private const int MaxLength = 500;

    private static readonly Dictionary<string, Metric> Version2 = Metrics(
        "AV L A N", "AC H M L", "Au M S N", "C N P C", "I N P C", "A N P C",
        "E? ND U POC F H", "RL? ND OF TF W U", "RC? ND UC UR C",
        "CDP? ND N L LM MH H", "TD? ND N L M H", "CR? ND L M H", "IR? ND L M H", "AR? ND L M H");

    private static readonly Dictionary<string, Metric> Version3 = Metrics(
        "AV N A L P", "AC L H", "PR N L H", "UI N R", "S U C", "C H L N", "I H L N", "A H L N",
        "E? X U P F H", "RL? X O T W U", "RC? X U R C", "CR? X L M H", "IR? X L M H", "AR? X L M H",
        "MAV? X N A L P", "MAC? X L H", "MPR? X N L H", "MUI? X N R", "MS? X U C",
        "MC? X H L N", "MI? X H L N", "MA? X H L N");

    private static readonly Dictionary<string, Metric> Version4 = Metrics(
        "AV N A L P", "AC L H", "AT N P", "PR N L H", "UI N P A",
        "VC H L N", "VI H L N", "VA H L N", "SC H L N", "SI H L N", "SA H L N",
        "E? X A P U", "CR? X H M L", "IR? X H M L", "AR? X H M L",
        "MAV? X N A L P", "MAC? X L H", "MAT? X N P", "MPR? X N L H", "MUI? X N P A",
        "MVC? X H L N", "MVI? X H L N", "MVA? X H L N", "MSC? X H L N", "MSI? X S H L N", "MSA? X S H L N",
        "S? X N P", "AU? X N Y", "R? X A U I", "V? X D C", "RE? X L M H", "U? X Clear Green Amber Red");

    private readonly Dictionary<string, string> values;

    private CvssVector(string version, Dictionary<string, string> values)
    {
        Version = version;
        this.values = values;
    }

    /// <summary>2.0, 3.0, 3.1 or 4.0.</summary>
    public string Version { get; }

    /// <summary>The value of a metric; null if it has none.</summary>
    public string? this[string metric] => values.GetValueOrDefault(metric);

    /// <summary>Null if it is not a vector.</summary>
    public static CvssVector? Parse(string text)
    {
        if (text.Length > MaxLength) return null;
        var (version, known, rest) = text switch
        {
            _ when text.StartsWith("CVSS:3.0/", StringComparison.Ordinal) => ("3.0", Version3, text[9..]),
            _ when text.StartsWith("CVSS:3.1/", StringComparison.Ordinal) => ("3.1", Version3, text[9..]),
            _ when text.StartsWith("CVSS:4.0/", StringComparison.Ordinal) => ("4.0", Version4, text[9..]),
            _ => ("2.0", Version2, text),
        };
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in rest.Split('/'))
        {
            if (part.Split(':') is not [var metric, var value]) return null;
            if (known.GetValueOrDefault(metric)?.Values.Contains(value) != true) return null;
            if (!values.TryAdd(metric, value)) return null;
        }

        var isWhole = known.All(metric => metric.Value.IsOptional || values.ContainsKey(metric.Key));
        return isWhole ? new CvssVector(version, values) : null;
    }

    /// <summary>What the value of a metric weighs.</summary>
    public decimal Weigh(string metric, params ReadOnlySpan<(string Value, decimal Weight)> weights)
    {
        foreach (var (value, weight) in weights)
            if (this[metric] == value) return weight;
        throw new InvalidOperationException($"{metric}:{this[metric]} has no weight.");
    }

    /// <summary>Each line is a metric, with a question mark if it may be left out, and its values.</summary>
    private static Dictionary<string, Metric> Metrics(params string[] lines) => lines
        .Select(line => line.Split(' '))
        .ToDictionary(words => words[0].TrimEnd('?'), words => new Metric(words[0].EndsWith('?'), words[1..]));

    private sealed record Metric(bool IsOptional, string[] Values);
}
