using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Markdig;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Microsoft.AspNetCore.Html;

namespace Berth.Pages;

/// <summary>
/// Markdown that people wrote, as HTML that can do no harm: markup in it is text, links go only to the web, and
/// pictures of other hosts, which would tell those who reads here, are links.
/// </summary>
internal static class Prose
{
    /// <summary>Below the headings of the page itself.</summary>
    private const int OuterLevels = 2;

    /// <summary>More than the table that anybody reads, in cells.</summary>
    private const int MaxCells = 50_000;

    private const string Relation = "nofollow ugc noopener";

    private const int MaxRendered = 200;

    /// <summary>Some texts take long, and each is shown much more often than it changes.</summary>
    private static readonly ConcurrentDictionary<string, HtmlString> Rendered = new(StringComparer.Ordinal);

    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .DisableHtml().UsePipeTables().UseAutoLinks().UseEmphasisExtras().UseTaskLists().Build();

    /// <param name="markdown">The text.</param>
    public static HtmlString Of(string markdown)
    {
        var key = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(markdown.AsSpan())));
        if (Rendered.TryGetValue(key, out var known)) return known;
        if (Rendered.Count >= MaxRendered) Rendered.Clear();
        return Rendered[key] = Make(markdown);
    }

    private static HtmlString Make(string markdown)
    {
        // A table's rows are all as wide as its widest.
        var lines = markdown.Split('\n');
        if ((long)lines.Max(line => line.Count(c => c == '|')) * lines.Length > MaxCells) return Plain(markdown);
        try
        {
            return new HtmlString(PageEncoder.Disarm(Render(markdown)));
        }
        catch (ArgumentException)
        {
            // Too deeply nested to be meant.
            return Plain(markdown);
        }
    }

    private static HtmlString Plain(string markdown) =>
        new($"<pre>{PageEncoder.Only.Encode(markdown)}</pre>");

    /// <exception cref="ArgumentException">It is too deeply nested.</exception>
    private static string Render(string markdown)
    {
        var document = Markdown.Parse(markdown, Pipeline);
        foreach (var heading in document.Descendants<HeadingBlock>())
            heading.Level = Math.Min(heading.Level + OuterLevels, 6);
        foreach (var link in document.Descendants<LinkInline>().ToList()) Restrict(link);
        foreach (var link in document.Descendants<AutolinkInline>().ToList())
        {
            if (link.IsEmail || IsOfWeb(link.Url)) link.GetAttributes().AddProperty("rel", Relation);
            else link.ReplaceBy(new LiteralInline(link.Url));
        }

        var text = new StringWriter();
        var renderer = new HtmlRenderer(text);
        Pipeline.Setup(renderer);
        renderer.ObjectRenderers.Replace<CodeBlockRenderer>(new CodeColors());
        renderer.Render(document);
        return text.ToString();
    }

    private static void Restrict(LinkInline link)
    {
        if (link.IsImage)
        {
            link.IsImage = false;
            if (link.FirstChild is null) link.AppendChild(new LiteralInline(link.Url ?? ""));
        }

        // A relative one leads nowhere: there is no source beside an image.
        link.Url = IsOfWeb(link.Url) ? link.Url : "#";
        link.GetDynamicUrl = null;
        link.GetAttributes().AddProperty("rel", Relation);
    }

    private static bool IsOfWeb(string? url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is ("https" or "http" or "mailto");
}
