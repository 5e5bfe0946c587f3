using System.Globalization;
using Berth.Tests.Clients;
using Berth.Tests.Versions;
using Berth.Vulnerabilities;

namespace Berth.Tests.Vulnerabilities;

/// <summary>Vectors of CVSS have the scores that its specifications give them.</summary>
public sealed class CvssTests
{
    private const int Vectors = 10_000;

    /// <summary>The values of each metric of a version; with a question mark, those that may be left out.</summary>
    private static readonly Dictionary<string, string[]> Metrics = new()
    {
        [""] =
        [
            "AV L A N", "AC H M L", "Au M S N", "C N P C", "I N P C", "A N P C",
            "E? ND U POC F H", "RL? ND OF TF W U", "RC? ND UC UR C", "CDP? ND N L LM MH H", "TD? ND N L M H",
        ],
        ["CVSS:3.0/"] =
        [
            "AV N A L P", "AC L H", "PR N L H", "UI N R", "S U C", "C H L N", "I H L N", "A H L N", "E? X U P",
        ],
        ["CVSS:3.1/"] =
        [
            "AV N A L P", "AC L H", "PR N L H", "UI N R", "S U C", "C H L N", "I H L N", "A H L N", "MS? X U C",
        ],
        ["CVSS:4.0/"] =
        [
            "AV N A L P", "AC L H", "AT N P", "PR N L H", "UI N P A",
            "VC H L N", "VI H L N", "VA H L N", "SC H L N", "SI H L N", "SA H L N",
            "E? X A P U", "CR? X H M L", "IR? X H M L", "AR? X H M L",
            "MAV? X N A L P", "MAC? X L H", "MAT? X N P", "MPR? X N L H", "MUI? X N P A", "MVC? X H L N",
            "MVI? X H L N", "MVA? X H L N", "MSC? X H L N", "MSI? X S H L N", "MSA? X S H L N",
            "S? X N P", "AU? X N Y", "R? X A U I", "V? X D C", "RE? X L M H", "U? X Clear Green Amber Red",
        ],
    };

    public static TheoryData<string> Prefixes => [.. Metrics.Keys];

    [Theory]
    [MemberData(nameof(Prefixes))]
    public async Task Made_up_vectors_have_the_score_that_another_calculator_gives_them(string prefix)
    {
        var vectors = Enumerable.Range(0, Vectors).Select(seed => MakeUp(prefix, seed)).ToList();
        if (prefix == "CVSS:4.0/") vectors.AddRange(OfEachClass());
        var expected = await ScoreAsync(vectors);
        Assert.Equal(vectors.Count, expected.Count);
        // Nearly every score there is.
        Assert.InRange(expected.Distinct().Count(), 50, 101);
        var wrong =
            from pair in vectors.Zip(expected)
            let found = Cvss.Score(pair.First)?.Score
            where found != pair.Second
            select $"{pair.First}: {found}, not {pair.Second}";
        Assert.Equal("", string.Join('\n', wrong.Take(20)));
    }

    [Theory]
    [InlineData("AV:N/AC:L/Au:N/C:P/I:P/A:P", "2.0", 7.5, "High")]
    [InlineData("AV:N/AC:L/Au:N/C:C/I:C/A:C", "2.0", 10.0, "High")]
    [InlineData("AV:L/AC:H/Au:N/C:C/I:C/A:C/E:POC/RL:OF/RC:C", "2.0", 6.2, "Medium")]
    [InlineData("AV:N/AC:L/Au:N/C:N/I:N/A:N", "2.0", 0.0, "None")]
    [InlineData("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "3.0", 6.1, "Medium")]
    [InlineData("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 9.8, "Critical")]
    [InlineData("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "3.1", 10.0, "Critical")]
    [InlineData("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "3.1", 7.8, "High")]
    [InlineData("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", "3.1", 1.6, "Low")]
    [InlineData("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:N/I:N/A:N", "3.1", 0.0, "None")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "4.0", 10.0, "Critical")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 9.3, "Critical")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:P", "4.0", 8.9, "High")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0", 0.0, "None")]
    public void A_vector_has_its_version_score_and_word(string vector, string version, double score, string severity)
    {
        var found = Cvss.Score(vector)!.Value;
        Assert.Equal((version, (decimal)score, severity), (found.Version, found.Score, found.Severity.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("AV:N")]
    [InlineData("AV:N/AC:L/Au:N/C:P/I:P/A:P/")]
    [InlineData("AV:N/AC:L/Au:N/C:P/I:P/A:P/X:Y")]
    [InlineData("AV:N/AC:L/Au:N/C:P/I:P/A:P/A:P")]
    [InlineData("CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P")]
    [InlineData("CVSS:3.1/AV:N/AC:L/Au:N/C:P/I:P/A:P")]
    [InlineData("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H")]
    [InlineData("CVSS:3.1/AV:n/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")]
    [InlineData("CVSS:3.1/AV:N:/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")]
    [InlineData("CVSS:3.1/AV:/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")]
    [InlineData("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E?:X")]
    [InlineData("CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:S/SA:N")]
    [InlineData("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/MSC:S")]
    [InlineData("medium")]
    public void What_is_not_a_vector_has_no_score(string text) => Assert.Null(Cvss.Score(text));

    [Fact]
    public void A_broken_vector_never_throws()
    {
        for (var seed = 0; seed < Vectors; seed++)
        {
            var random = new Random(seed);
            var text = MakeUp(Metrics.Keys.ElementAt(random.Next(Metrics.Count)), seed);
            for (var change = random.Next(4); change >= 0; change--)
            {
                var at = random.Next(text.Length);
                text = text.Remove(at, 1).Insert(at, "/:NHX\0é?".Substring(random.Next(8), random.Next(2)));
            }

            Assert.InRange(Cvss.Score(text)?.Score ?? 0, 0, 10);
        }

        Assert.Null(Cvss.Score("CVSS:3.1/" + string.Concat(Enumerable.Repeat("AV:N/", 1_000_000))));
    }

    private static string MakeUp(string prefix, int seed)
    {
        var random = new Random(seed);
        var hasMore = random.Next(2) == 0;
        var parts =
            from line in Metrics[prefix]
            let words = line.Split(' ')
            let value = words[random.Next(1, words.Length)]
            where !words[0].EndsWith('?') || (hasMore && random.Next(2) == 0)
            select $"{words[0].TrimEnd('?')}:{value}";
        return prefix + string.Join('/', parts);
    }

    /// <summary>The worst vector of each of the classes of version 4, some of which are hardly ever met by chance: its
    /// score is that of the class.</summary>
    private static IEnumerable<string> OfEachClass() =>
        from exploitability in (string[])["AV:N/PR:N/UI:N", "AV:A/PR:N/UI:N", "AV:P/PR:N/UI:N"]
        from complexity in (string[])["AC:L/AT:N", "AC:H/AT:N"]
        from impact in (string[])
        [
            "VC:H/VI:H/VA:H/CR:H", "VC:H/VI:H/VA:H/CR:M/IR:M/AR:M", "VC:H/VI:L/VA:H/CR:H",
            "VC:H/VI:L/VA:H/CR:M/IR:H/AR:M", "VC:L/VI:L/VA:L",
        ]
        from subsequent in (string[])["SC:H/SI:H/SA:H/MSI:S/MSA:S", "SC:H/SI:H/SA:H", "SC:L/SI:L/SA:L"]
        from threat in (string[])["E:A", "E:P", "E:U"]
        select $"CVSS:4.0/{exploitability}/{complexity}/{impact}/{subsequent}/{threat}";

    private static async Task<IReadOnlyList<decimal>> ScoreAsync(IEnumerable<string> vectors)
    {
        var folder = await VersionPrograms.FolderAsync();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, vectors);
            var script = Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Vulnerabilities", "score.js");
            var run = await ProgramRun.StartAsync(
                "bash",
                ["-c", "exec node \"$0\" \"$1\" <\"$2\"", script, folder, file],
                new Dictionary<string, string>(),
                "/",
                TimeSpan.FromMinutes(2));
            return
            [
                .. run.OutputOfSuccess().Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Select(line => decimal.Parse(line, CultureInfo.InvariantCulture)),
            ];
        }
        finally
        {
            File.Delete(file);
        }
    }
}
