using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;

namespace Berth.Pages;

/// <summary>
/// Colours code in Markdown: comments, texts, numbers and words of the language. It does not understand the code, and
/// what it misjudges has another colour, and nothing else.
/// </summary>
internal sealed class CodeColors : HtmlObjectRenderer<CodeBlock>
{
    private static readonly CodeLanguage Shell = new(
        ["#"], "\"'",
        "case do done elif else esac exit export fi for function if in local return set source then unset until while");

    private static readonly CodeLanguage Dockerfile = new(
        ["#"], "\"'",
        "ADD ARG AS CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME "
        + "WORKDIR");

    private static readonly CodeLanguage Data = new(["#"], "\"'", "true false null yes no");

    private static readonly CodeLanguage Script = new(
        ["//"], "\"'`",
        "async await break case catch class const continue default delete do else export extends false finally for "
        + "function if import in instanceof interface let new null of return static super switch this throw true try "
        + "type typeof undefined var void while yield")
    {
        HasBlockComments = true,
    };

    private static readonly CodeLanguage Curly = new(
        ["//"], "\"'`",
        "abstract as async await base bool boolean break byte case catch chan char class const continue default defer "
        + "do double else enum extern false final finally float fn for foreach func go goto if impl implements import "
        + "in int interface internal is let long loop map match mod mut namespace new nil null object out override "
        + "package params private protected pub public range readonly record ref return sealed select self short "
        + "static string struct super switch this throw trait true try type typeof uint unsafe use using var virtual "
        + "void volatile when where while yield")
    {
        HasBlockComments = true,
    };

    private static readonly CodeLanguage Python = new(
        ["#"], "\"'",
        "False None True and as assert async await break class continue def del elif else except finally for from "
        + "global if import in is lambda nonlocal not or pass raise return try while with yield")
    {
        HasTripleQuotes = true,
    };

    private static readonly CodeLanguage Sql = new(
        ["--"], "\"'",
        "AND AS BY CREATE DELETE DESC DISTINCT DROP FROM GROUP HAVING IN INDEX INNER INSERT INTO IS JOIN LEFT LIMIT "
        + "NOT NULL ON OR ORDER SELECT SET TABLE UNION UPDATE VALUES WHERE");

    private static readonly Dictionary<string, CodeLanguage> Languages = new (CodeLanguage Language, string Names)[]
    {
        (Shell, "sh bash shell zsh console"),
        (Dockerfile, "dockerfile containerfile docker"),
        (Data, "yaml yml json toml ini hcl"),
        (Script, "js javascript ts typescript"),
        (Curly, "cs csharp c# go golang java rust rs c cpp c++"),
        (Python, "python py"),
        (Sql, "sql"),
    }.SelectMany(one => one.Names.Split(' ').Select(name => (Name: name, one.Language)))
        .ToDictionary(one => one.Name, one => one.Language, StringComparer.OrdinalIgnoreCase);

    protected override void Write(HtmlRenderer renderer, CodeBlock obj)
    {
        renderer.EnsureLine();
        renderer.Write("<pre tabindex=\"0\"><code>");
        // A block without lines has none at all.
        var lines = obj.Lines.Lines ?? [];
        var code = string.Join('\n', lines.Take(obj.Lines.Count).Select(line => line.ToString()));
        if (obj is FencedCodeBlock { Info: { } info } && Languages.TryGetValue(info, out var language))
        {
            foreach (var (kind, text) in language.Split(code))
            {
                if (kind != '\0') renderer.Write($"<span class=\"code-{kind}\">");
                renderer.WriteEscape(text);
                if (kind != '\0') renderer.Write("</span>");
            }
        }
        else
        {
            renderer.WriteEscape(code);
        }

        renderer.WriteLine("\n</code></pre>");
    }
}
