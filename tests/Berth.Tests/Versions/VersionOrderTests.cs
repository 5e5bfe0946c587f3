using System.Diagnostics;
using Berth.Versions;
using NuGet.Versioning;

namespace Berth.Tests.Versions;

/// <summary>Versions are ordered as the programs of their ecosystems order them.</summary>
public sealed class VersionOrderTests
{
    private const int Pairs = 10_000;

    /// <summary>A process for each comparison takes a millisecond, and so there are fewer.</summary>
    private const int DpkgPairs = 2_000;

    /// <summary>An ecosystem of each kind.</summary>
    private static readonly Dictionary<string, string> Ecosystems = new()
    {
        ["dpkg"] = "Debian:12",
        ["rpm"] = "Red Hat:enterprise_linux:9::baseos",
        ["apk"] = "Alpine:v3.20",
        ["npm"] = "npm",
        ["nuget"] = "NuGet",
        ["python"] = "PyPI",
        ["maven"] = "Maven",
        ["gem"] = "RubyGems",
        ["php"] = "Packagist",
        ["pub"] = "Pub",
    };

    public static TheoryData<string> Kinds => [.. Ecosystems.Keys];

    // Perl counts with doubles, and PHP and semver with numbers of a machine's size.
    [Theory]
    [InlineData("dpkg", "dpkg", DpkgPairs, true)]
    [InlineData("dpkg", "dpkg-perl", Pairs, false)]
    [InlineData("rpm", "rpm", Pairs, true)]
    [InlineData("npm", "npm", Pairs, false)]
    [InlineData("python", "python", Pairs, true)]
    [InlineData("maven", "maven", Pairs, true)]
    [InlineData("gem", "gem", Pairs, true)]
    [InlineData("php", "php", Pairs, false)]
    public async Task Made_up_versions_have_the_order_that_their_program_gives_them(
        string kind, string program, int count, bool longNumbers)
    {
        var pairs = VersionGrammar.Pairs(kind, count, longNumbers).ToList();
        AssertOrders(kind, pairs, await VersionPrograms.CompareAsync(program, pairs));
    }

    [Fact]
    public void Made_up_versions_have_the_order_that_NuGet_gives_them()
    {
        var pairs = VersionGrammar.Pairs("nuget", Pairs, longNumbers: false).ToList();
        AssertOrders(
            "nuget", pairs, [.. pairs.Select(p => NuGetVersion.Parse(p.One).CompareTo(NuGetVersion.Parse(p.Other)))]);
    }

    /// <summary>Taken from the tests of apk-tools, rpm and osv-scalibr: pairs that not every order gets right, without
    /// what apk says of hashes of commits.
    /// </summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Known_versions_have_their_known_order(string kind)
    {
        var order = OrderOf(kind);
        var wrong =
            from line in File.ReadLines(Path.Combine(Folder, "facts", kind + ".txt"))
            let fact = line.Split(' ')
            let expected = fact[1] == "<" ? -1 : 0
            where Math.Sign(order.Compare(fact[0], fact[2])) != expected
                || Math.Sign(order.Compare(fact[2], fact[0])) != -expected
            select line;
        Assert.Equal("", string.Join('\n', wrong));
    }

    /// <summary>Whatever comes out of an image, sorting it ends, and means something.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_order_is_total_for_any_text(string kind)
    {
        var order = OrderOf(kind);
        for (var seed = 0; seed < Pairs; seed++)
        {
            var (a, b, c) = (AnyText(kind, seed, 1), AnyText(kind, seed, 2), AnyText(kind, seed, 3));
            Assert.True(order.Compare(a, a) == 0, $"{a} is not itself");
            var (ab, bc, ac) = (Sign(a, b), Sign(b, c), Sign(a, c));
            Assert.True(ab == -Sign(b, a), $"{a} ? {b}");
            Assert.True(ab == 0 ? ac == bc : bc == 0 ? ac == ab : ab != bc || ac == ab, $"{a} ? {b} ? {c}");
        }

        int Sign(string one, string other) => Math.Sign(order.Compare(one, other));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_megabyte_of_anything_is_compared_quickly(string kind)
    {
        var order = OrderOf(kind);
        string[] pieces = ["0", "9", "1.", "1-", "a", "a1", "~", "^", "_p", "-rc.", ".a", "\0", "é", "\ud800", "1-0-"];
        var watch = Stopwatch.StartNew();
        foreach (var piece in pieces)
        {
            var text = "1" + string.Concat(Enumerable.Repeat(piece, 1_000_000 / piece.Length));
            Assert.Equal(0, order.Compare(text, text));
            Assert.NotEqual(0, order.Compare(text + "-2.3", "1.0-2"));
        }

        // A quadratic one takes hours.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("dpkg", "1.0~rc1", "1.0", -1)]
    [InlineData("dpkg", "0.0.0", "0.0.0-00", 0)]
    [InlineData("dpkg", "2:0.0.44-1", "2:0.0.44-nobin", -1)]
    [InlineData("dpkg", "2.7.4+reloaded2-13ubuntu1", "2.7.4+reloaded2-13+deb9u1", -1)]
    [InlineData("apk", "1.06-r6", "006", -1)]
    [InlineData("apk", "0.1.0_alpha_pre2", "0.1.0_alpha", -1)]
    [InlineData("apk", "1.3_pre1-r1", "1.3.2", -1)]
    [InlineData("apk", "6.6.2p1", "6.6.2_p2", 1)]
    [InlineData("apk", "1.0~abc-r1", "1.0~def-r1", 0)]
    [InlineData("rpm", "1.0^git1", "1.01", -1)]
    [InlineData("rpm", "1.0^git1", "1.0", 1)]
    [InlineData("rpm", "1.0~rc1", "1.0", -1)]
    [InlineData("rpm", "10.0001", "10.1", 0)]
    [InlineData("rpm", "xyz.4", "8", -1)]
    [InlineData("rpm", "2_0", "2.0", 0)]
    [InlineData("rpm", "1.0^git1~pre", "1.0^git1", -1)]
    [InlineData("npm", "1.0.0-a.5", "1.0.0-a.10", -1)]
    [InlineData("npm", "1.0.0-a.10", "1.0.0-a.b", -1)]
    [InlineData("npm", "1.0.0-r100", "1.0.0-r2", -1)]
    [InlineData("npm", "1.0.0-R2", "1.0.0-r100", -1)]
    [InlineData("npm", "v1.2", "1.2.0", 0)]
    [InlineData("npm", "1.2.3.4", "1.2.3", 1)]
    [InlineData("npm", "1.2.3beta", "1.2.3", -1)]
    [InlineData("npm", "latest", "0.0.0-0", -1)]
    [InlineData("npm", "1.0.0+a", "1.0.0+b", 0)]
    [InlineData("pub", "1.0.0+a", "1.0.0+b", -1)]
    [InlineData("python", "1.0.dev0", "1.0a0", -1)]
    [InlineData("python", "1.0-1", "1.0-2", -1)]
    [InlineData("python", "1.0+a", "1.0+1", -1)]
    [InlineData("python", "1.2.post3.dev4", "1.2b3.dev4", 1)]
    [InlineData("python", "2004d", "0.1", -1)]
    [InlineData("maven", "1-ga", "1", 0)]
    [InlineData("maven", "1.0.RELEASE", "1", 0)]
    [InlineData("maven", "1.0-alpha-1", "1.0-SNAPSHOT", -1)]
    [InlineData("maven", "1.0-SNAPSHOT", "1.0", -1)]
    [InlineData("maven", "1.0", "1.0-1", -1)]
    [InlineData("maven", "1.0-1", "1.0.1", -1)]
    [InlineData("maven", "6.1.0", "6.1H.5-beta", -1)]
    [InlineData("maven", "2.0.1-xyz", "2.0.1-123", -1)]
    [InlineData("maven", "1-a", "1-alpha", 1)]
    [InlineData("nuget", "1.0", "1.0.0.0", 0)]
    [InlineData("nuget", "1.0.0", "1.0.0.1-alpha", -1)]
    [InlineData("nuget", "1.0.01", "1.0.1", 0)]
    [InlineData("nuget", "1.0.0-Beta", "1.0.0-beta", 0)]
    [InlineData("gem", "1.0.a9", "1.0.a.10", -1)]
    [InlineData("gem", "1.0.a.10", "1.0.b1", -1)]
    [InlineData("gem", "1.0.b1", "1.0", -1)]
    [InlineData("gem", "1.0.a2", "1.0.a.2", 0)]
    [InlineData("php", "1.0-dev", "1.0a1", -1)]
    [InlineData("php", "1.0a1", "1.0RC1", -1)]
    [InlineData("php", "1.0RC1", "1.0", -1)]
    [InlineData("php", "1.0", "1.0pl1", -1)]
    [InlineData("php", "dev-foo", "1.26.0", -1)]
    [InlineData("php", "1.0.0", "1.0", 1)]
    [InlineData("php", "v1.0", "1.0", 0)]
    public void What_is_easily_got_wrong(string kind, string one, string other, int expected)
    {
        Assert.Equal(expected, Math.Sign(OrderOf(kind).Compare(one, other)));
        Assert.Equal(-expected, Math.Sign(OrderOf(kind).Compare(other, one)));
    }

    [Theory]
    [InlineData("Debian:12")]
    [InlineData("Ubuntu:24.04:LTS")]
    [InlineData("Alpine:v3.20")]
    [InlineData("Wolfi")]
    [InlineData("Chainguard")]
    [InlineData("Red Hat:enterprise_linux:9::baseos")]
    [InlineData("AlmaLinux:9")]
    [InlineData("Rocky Linux:9")]
    [InlineData("SUSE:Linux Enterprise Server 15 SP5")]
    [InlineData("openSUSE:Leap 15.5")]
    [InlineData("Azure Linux:3")]
    [InlineData("openEuler:24.03-LTS")]
    [InlineData("Mageia:9")]
    [InlineData("Hex")]
    [InlineData("Pub")]
    [InlineData("GitHub Actions")]
    [InlineData("crates.io")]
    public void Every_ecosystem_has_an_order(string ecosystem) => Assert.NotNull(VersionOrder.Find(ecosystem));

    [Theory]
    [InlineData("")]
    [InlineData("debian:12")]
    [InlineData("GIT")]
    public void What_is_no_ecosystem_has_none(string ecosystem) => Assert.Null(VersionOrder.Find(ecosystem));

    private static string Folder => Path.Combine(SourceTree.Root, "tests", "Berth.Tests", "Versions");

    /// <summary>A version of the kind or of another, some of them with a character that is wrong.</summary>
    private static string AnyText(string kind, int seed, int which)
    {
        string[] kinds = ["dpkg", "rpm", "apk", "npm", "nuget", "python", "maven", "gem", "php"];
        var random = new Random((seed * 31) + which);
        var grammar = random.Next(4) == 0 || kind == "pub" ? kinds[random.Next(kinds.Length)] : kind;
        var text = VersionGrammar.One(grammar, seed, which, longNumbers: true);
        if (random.Next(3) == 0)
            text = text.Insert(random.Next(text.Length + 1), "~^-_.+: 0a\0é\ud800!".Substring(random.Next(13), 1));
        if (random.Next(6) == 0) text = text.Remove(random.Next(text.Length), 1);
        return text;
    }

    private static VersionOrder OrderOf(string kind) => VersionOrder.Find(Ecosystems[kind])!;

    private static void AssertOrders(string kind, List<(string One, string Other)> pairs, IReadOnlyList<int> expected)
    {
        Assert.Equal(pairs.Count, expected.Count);
        // What is worth comparing: not all the same, and not all different.
        Assert.All([-1, 0, 1], sign => Assert.InRange(
            expected.Count(order => Math.Sign(order) == sign), pairs.Count / 500, pairs.Count * 2 / 3));
        var order = OrderOf(kind);
        var wrong =
            from pair in pairs.Zip(expected)
            let found = Math.Sign(order.Compare(pair.First.One, pair.First.Other))
            where found != Math.Sign(pair.Second)
            select $"{pair.First.One} ? {pair.First.Other}: {found}, not {pair.Second}";
        Assert.Equal("", string.Join('\n', wrong.Take(20)));
    }
}
