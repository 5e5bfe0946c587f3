using System.Globalization;

namespace Berth.Bench;

/// <summary>The command line options of `compare`.</summary>
/// <param name="Quick">One round with small sizes, as a smoke test; nothing is written.</param>
/// <param name="Rounds">How often each measurement is taken, after a warm-up.</param>
/// <param name="Mebibytes">The size of the large blob.</param>
/// <param name="Program">The published program, or null for the build beside this one.</param>
/// <param name="Only">Names of the workloads to run; none means all.</param>
internal sealed record BenchOptions(
    bool Quick, int Rounds, int Mebibytes, string? Program, IReadOnlyList<string> Only)
{
    public const string Usage = "compare [--quick] [--rounds N] [--mib N] [--program FILE] [--only WORK,WORK...]";

    /// <summary>How long one sample of requests takes.</summary>
    public string RequestSeconds => Quick ? "0.5" : "2";

    /// <summary>How many small images one sample pushes.</summary>
    public int Images => Quick ? 50 : 200;

    /// <summary>Tags of one repository, and repositories, in the large store.</summary>
    public int LargeStore => Quick ? 10_000 : 100_000;

    public int Referrers => Quick ? 1_000 : 10_000;

    /// <summary>After this the run is aborted.</summary>
    public TimeSpan Deadline => TimeSpan.FromMinutes(Quick ? 6 : 25);

    /// <summary>Only a complete run is written to the page.</summary>
    public bool IsWritten => !Quick && Only.Count == 0;

    /// <exception cref="ArgumentException">The options are invalid.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions(arguments.Contains("--quick"), 0, 0, null, []);
        options = options with { Rounds = options.Quick ? 1 : 3, Mebibytes = options.Quick ? 256 : 1024 };
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick") continue;
            var value = i + 1 < arguments.Length
                ? arguments[i + 1]
                : throw new ArgumentException($"{arguments[i]} needs a value, or is unknown: {Usage}");
            options = arguments[i++] switch
            {
                "--rounds" => options with { Rounds = Number(value, 1) },
                "--mib" => options with { Mebibytes = Number(value, 128) },
                "--program" when File.Exists(value) => options with { Program = Path.GetFullPath(value) },
                "--program" => throw new ArgumentException($"there is no program {value}"),
                "--only" => options with { Only = value.Split(',') },
                var unknown => throw new ArgumentException($"{unknown} is unknown: {Usage}"),
            };
        }

        return options;
    }

    private static int Number(string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least
            ? value
            : throw new ArgumentException($"'{text}' is not a number of at least {least}");
}
