namespace Berth.Tests.Versions;

/// <summary>
/// Makes versions of one kind out of what makes their order hard, from a seed. The two of a pair are often the same up
/// to some place, since others differ in their first number.
/// </summary>
internal sealed class VersionGrammar
{
    private static readonly string[] Numbers = ["0", "1", "2", "9", "10", "11", "100", "20240101", "999999999"];
    private static readonly string[] ZeroLed = ["00", "01", "007", "010"];
    private static readonly string[] Long =
        ["18446744073709551616", "18446744073709551617", "99999999999999999999999999999999", "1" + new string('0', 60)];

    private readonly Random common;
    private readonly Random own;
    private readonly bool longNumbers;
    private readonly int first;
    private readonly int last;
    private int drawn;

    private VersionGrammar(int seed, int which, bool longNumbers)
    {
        common = new Random(seed);
        own = new Random(unchecked((seed * 7919) + (which << 24)));
        (first, last) = (new Random(~seed).Next(20), int.MaxValue);
        if (seed % 3 != 0) last = first + 1 + (seed % 2);
        this.longNumbers = longNumbers;
    }

    /// <summary>Pairs of a kind that are not the same text. Some programs can't take numbers longer than their own.
    /// </summary>
    public static List<(string One, string Other)> Pairs(string kind, int count, bool longNumbers) =>
    [
        .. Enumerable.Range(0, int.MaxValue)
            .Select(seed => (One: One(kind, seed, 1, longNumbers), Other: One(kind, seed, 2, longNumbers)))
            .Where(pair => pair.One != pair.Other)
            .Take(count),
    ];

    /// <summary>One of the versions that a seed makes.</summary>
    public static string One(string kind, int seed, int which, bool longNumbers) =>
        new VersionGrammar(seed, which, longNumbers).Make(kind);

    private string Make(string kind) => kind switch
    {
        "dpkg" => Epoch() + Number() + Many(5, DpkgPart) + Maybe(2, () => "-" + Revision()),
        "rpm" => Epoch() + Number() + Many(5, RpmPart) + Maybe(2, () => "-" + Revision()),
        "apk" => Numbered(3) + Maybe(4, () => Pick("a", "b", "z")) + Many(2, ApkSuffix)
            + Maybe(6, () => "~" + Pick("abc", "12ef")) + Maybe(2, () => "-r" + Number()),
        "npm" => Plain() + "." + Plain() + "." + Plain() + Maybe(2, PreRelease) + Maybe(4, Build),
        "nuget" => Numbered(3) + Maybe(2, PreRelease) + Maybe(4, Build),
        "python" => Python(),
        "maven" => Numbered(3) + Maybe(2, MavenQualifier),
        "gem" => Number() + Many(4, () => "." + Pick(Number, GemWord)) + Maybe(5, () => "-" + Pick("rc1", "x", "1")),
        "php" => Number() + Many(4, () => Pick(".", ".", ".", "-", "_", "+") + PhpPart()) + Maybe(4, PhpPart),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No grammar for it."),
    };

    private string Epoch() => Maybe(4, () => Pick("0:", "1:", "2:"));

    private string Numbered(int more) => Number() + Many(more, () => "." + Number());

    private string DpkgPart() => Pick(
        () => "." + Number(),
        Number,
        () => Pick("~", "~~", "+", ".", "-1", "~rc", "+dfsg", "+deb", "u", "a", "Z", "git"));

    private string RpmPart() => Pick(
        () => "." + Number(),
        Number,
        () => Pick("~", "^", "_", "+", "..", "~rc", "^git", "a", "b", "fc", "el"));

    private string Revision() =>
        Number() + Many(3, () => Pick(Number, () => Pick(".", "~", "+", "ubuntu", "deb", "build")));

    private string ApkSuffix() =>
        "_" + Pick("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p") + Maybe(2, Number);

    private string PreRelease() => "-" + Identifier() + Many(3, () => "." + Identifier());

    private string Identifier() => Pick(
        Plain, () => Pick("alpha", "beta", "rc", "a", "B", "x-y", "-", "r100", "R2", "r2"));

    private string Build() => "+" + Pick("1", "a.b");

    private string Python() =>
        Maybe(8, () => "v") + Maybe(6, () => Pick("0!", "1!")) + Numbered(3)
        + Maybe(3, PythonPre)
        + Maybe(3, () => Pick(() => "-" + Number(), PythonPost))
        + Maybe(3, () => Pick("", ".", "-") + "dev" + Maybe(2, Number))
        + Maybe(4, () => "+" + LocalPart() + Many(2, () => Pick(".", "-", "_") + LocalPart()));

    private string PythonPre() =>
        Pick("", ".", "-", "_") + Pick("a", "b", "c", "rc", "ALPHA", "beta", "pre", "preview")
        + Maybe(2, () => Pick("", ".", "-") + Number());

    private string PythonPost() => Pick("", ".", "_") + Pick("post", "rev", "r") + Maybe(2, Number);

    private string LocalPart() => Pick(Number, () => Pick("a", "B", "ubuntu", "g12"));

    private string MavenQualifier() =>
        Pick(
            () => "." + MavenWord() + Maybe(2, Number),
            () => Pick("-", ".", "") + Pick("ga", "Final"),
            () => Pick("-", "") + MavenWord() + Maybe(2, () => Pick("", "-") + Number()),
            () => Pick("-", "") + MavenWord() + Pick("", "1", "-2", "-01") + "-SNAPSHOT");

    private string MavenWord() => Pick(
        "alpha", "a", "beta", "b", "m", "milestone", "rc", "cr", "SNAPSHOT", "sp", "x", "jre", "foo");

    private string GemWord() => Pick("a", "b", "rc", "pre", "A") + Maybe(2, Number);

    private string PhpPart() => Pick(Number, PhpWord);

    private string PhpWord() =>
        Pick("dev", "alpha", "a", "beta", "b", "RC", "rc", "p", "pl", "patch", "foo", "Beta") + Maybe(2, Number);

    private string Number() =>
        longNumbers && Draw(12) == 0 ? Pick(Long) : Draw(6) == 0 ? Pick(ZeroLed) : Plain();

    private string Plain() => Pick(Numbers);

    private string Many(int most, Func<string> part) =>
        string.Concat(Enumerable.Range(0, Draw(most + 1)).Select(_ => part()).ToList());

    /// <summary>Once in so many times, a part.</summary>
    private string Maybe(int times, Func<string> part) => Draw(times) == 0 ? part() : "";

    private string Pick(params string[] texts) => texts[Draw(texts.Length)];

    private string Pick(params Func<string>[] parts) => parts[Draw(parts.Length)]();

    private int Draw(int limit)
    {
        var choice = common.Next(limit);
        return drawn++ < first || drawn > last ? choice : own.Next(limit);
    }
}
