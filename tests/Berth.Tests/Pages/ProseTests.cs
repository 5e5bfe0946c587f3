using System.Diagnostics;
using System.Text.RegularExpressions;
using Berth.Pages;

namespace Berth.Tests.Pages;

/// <summary>Markdown of strangers, as pages show it.</summary>
public sealed partial class ProseTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("<img src=x onerror=alert(1)>")]
    [InlineData("[a](javascript:alert(1))")]
    [InlineData("[a](JaVaScRiPt:alert(1))")]
    [InlineData("[a](java\nscript:alert(1))")]
    [InlineData("[a]( data:text/html;base64,PHNjcmlwdD4= )")]
    [InlineData("[a](vbscript:x \"onclick=1\")")]
    [InlineData("![a](https://elsewhere.example/track.png)")]
    [InlineData("![](https://elsewhere.example/\"onerror=\"alert(1))")]
    [InlineData("<javascript:alert(1)>")]
    [InlineData("[a]: javascript:alert(1)\n\n[a]")]
    [InlineData("[a](https://elsewhere.example/ \"x\\\" onmouseover=\\\"alert(1)\")")]
    [InlineData("| a |\n|---|\n| <b onclick=x> |")]
    [InlineData("```\"><script>\nx\n```")]
    [InlineData("# <svg/onload=alert(1)>")]
    public void Nothing_that_runs_or_loads_comes_through(string markdown)
    {
        var html = Prose.Of(markdown).Value!;
        Assert.DoesNotMatch(Active(), html);
        Assert.DoesNotContain("<img", html);
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("<svg", html);
    }

    [Theory]
    [InlineData("sh", "if true; then # why\n  echo \"a # b\" $# a#b", "k:if k:then c:# why s:&quot;a # b&quot;")]
    [InlineData("Dockerfile", "FROM debian:12\nRUN echo 'x'", "k:FROM n:12 k:RUN s:'x'")]
    [InlineData("yaml", "a: true # c\nb: \"</span>\"", "k:true c:# c s:&quot;&lt;/span&gt;&quot;")]
    [InlineData("json", "{\"a\": [1, null]}", "s:&quot;a&quot; n:1 k:null")]
    [InlineData("csharp", "return x; /* a\nb */ // <c>", "k:return c:/* a\nb */ c:// &lt;c&gt;")]
    [InlineData("go", "func f() { return `a`", "k:func k:return s:`a`")]
    [InlineData("rust", "fn f<'a>() {} // ok", "k:fn c:// ok")]
    [InlineData("python", "def f():\n  '''a\nb''' # '", "k:def s:'''a\nb''' c:# '")]
    [InlineData("python", "x = '''never", "s:'''never")]
    [InlineData("sql", "SELECT 'it\\'s' -- x", "k:SELECT s:'it\\'s' c:-- x")]
    [InlineData("", "if true", "")]
    [InlineData("nothing", "if <b>", "")]
    public void Code_is_coloured_by_its_language_and_stays_text(string language, string code, string colours)
    {
        var html = Prose.Of($"```{language}\n{code}\n```").Value!;
        Assert.Equal(
            colours, string.Join(' ', Coloured().Matches(html).Select(one => $"{one.Groups[1]}:{one.Groups[2]}")));
        var text = System.Net.WebUtility.HtmlDecode(Tags().Replace(html, ""));
        Assert.Equal(code, text.TrimEnd('\n'));
        Assert.DoesNotContain("<b>", html);
    }

    [Theory]
    [InlineData("'")]
    [InlineData("/*")]
    [InlineData("\"\"\"")]
    [InlineData("# ")]
    public void Code_that_never_ends_is_coloured_in_no_time(string piece)
    {
        var watch = Stopwatch.StartNew();
        foreach (var language in new[] { "python", "csharp", "sh" })
            Prose.Of($"```{language}\n{string.Concat(Enumerable.Repeat(piece, 64 * 1024 / piece.Length))}\n```");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Patience);
    }

    [Fact]
    public void What_people_write_is_shown()
    {
        var html = Prose.Of(
            """
            # Title

            *One* [link](https://elsewhere.example/a), https://elsewhere.example/b and [a file](docs/x.md).

            | a | b |
            |---|--:|
            | 1 | 2 |

            - [x] done

            ![picture](https://elsewhere.example/p.png)
            """).Value!;
        Assert.Contains("<h3>Title</h3>", html);
        Assert.Contains("<em>One</em>", html);
        Assert.Equal(3, WebLink().Count(html));
        Assert.Contains("<table>", html);
        Assert.DoesNotContain("docs/x.md", html);
        Assert.Contains(">picture</a>", html);
    }

    [Fact]
    public void Characters_that_turn_text_around_are_disarmed()
    {
        var html = Prose.Of("a \u202e b `\u2066` &#x202E; &#8238; c").Value!;
        Assert.All(html, c => Assert.False(c is '\u202e' or '\u2066'));
        Assert.DoesNotContain("&#x202E;", html);
    }

    [Fact]
    public void Text_that_is_nested_too_deeply_is_shown_as_it_is()
    {
        var deep = string.Concat(Enumerable.Repeat("![a ", 300)) + string.Concat(Enumerable.Repeat("](x)", 300));
        Assert.Contains("![a ![a", Prose.Of(deep).Value!);
        Prose.Of(string.Concat(Enumerable.Repeat("*a **b ", 200)) + string.Concat(Enumerable.Repeat("b** a*", 200)));
    }

    [Fact]
    public void A_table_that_is_wide_and_long_is_shown_as_it_is_and_takes_no_memory()
    {
        var wide = string.Concat(Enumerable.Repeat("|a", 2000)) + "\n" + string.Concat(Enumerable.Repeat("|-", 2000))
            + "\n" + string.Concat(Enumerable.Repeat("|\n", 4000));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.StartsWith("<pre>", Prose.Of(wide).Value);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 * 1024 * 1024);
        Assert.Contains("<table>", Prose.Of("|a|b|\n|-|-|\n|1|2|\n").Value);
    }

    [Theory]
    [InlineData("> ")]
    [InlineData("- ")]
    [InlineData("[")]
    [InlineData("*a **b ")]
    [InlineData("![a](")]
    [InlineData("<a")]
    [InlineData("`` ` ")]
    [InlineData("|a")]
    [InlineData("1. ")]
    [InlineData("https://a.b/(")]
    public void The_largest_text_of_any_kind_takes_no_time_to_speak_of(string part)
    {
        // Once is enough: on a busy machine anything takes long now and then.
        var text = string.Concat(Enumerable.Repeat(part, 64 * 1024 / part.Length));
        var shortest = TimeSpan.MaxValue;
        for (var round = 0; round < 5 && shortest > Patience; round++)
        {
            var watch = Stopwatch.StartNew();
            Prose.Of(text);
            if (watch.Elapsed < shortest) shortest = watch.Elapsed;
        }

        Assert.InRange(shortest, TimeSpan.Zero, Patience);
    }

    [GeneratedRegex("<span class=\"code-(.)\">(.*?)</span>", RegexOptions.Singleline)]
    private static partial Regex Coloured();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tags();

    [GeneratedRegex("href=\"https://elsewhere.example/[abp][.png]*\" rel=\"nofollow ugc noopener\"")]
    private static partial Regex WebLink();

    /// <summary>In a tag: an event's attribute, or an address that runs something.</summary>
    [GeneratedRegex(
        @"<\w+(\s+[\w-]+=""[^""]*"")*\s+on\w+|(href|src)=""\s*(?!https?:|mailto:|#)", RegexOptions.IgnoreCase)]
    private static partial Regex Active();
}
