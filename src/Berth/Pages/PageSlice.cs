using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Html;
using RazorSlices;

namespace Berth.Pages;

/// <summary>A page within the frame.</summary>
internal abstract class PageSlice<T> : PartSlice<T>, IFramed, IUsesLayout<FrameLayout, Frame>
{
    public abstract string Title { get; }

    public virtual bool IsOfSettings => false;

    public Frame LayoutModel => Frame;
}

/// <summary>A part of pages, with what all parts have: links, times, sizes, digests.</summary>
internal abstract class PartSlice<T> : RazorSlice<T>
{
    private const int ShownDigits = 12;

    /// <summary>Of texts that others wrote, on pages that show many of them.</summary>
    private const int MaxShownChars = 600;

    public Frame Frame { protected get; set; } = null!;

    /// <summary>The texts.</summary>
    protected English Words => Frame.Words;

    protected string To(string path) => Frame.To(path);

    /// <summary>The path of a repository's page.</summary>
    protected string ToRepository(string name, string page = "") => To(PagePath.Of(name, page));

    /// <summary>The path of an image's page.</summary>
    protected string ToImage(string name, string reference, string page = "") =>
        To(PagePath.OfImage(name, reference, page));

    /// <summary>The beginning of a text of any length.</summary>
    protected static string Cut(string text, int most = MaxShownChars) =>
        text.Length <= most ? text : text[..most] + "…";

    /// <summary>Another slice, in the same frame.</summary>
    protected ValueTask<HtmlString> PartAsync<TPart>(PartSlice<TPart> part)
    {
        part.Frame = Frame;
        return RenderPartialAsync(part);
    }

    /// <summary>The beginning of a form: its hidden fields, and what was wrong when it was sent.</summary>
    protected ValueTask<HtmlString> FormAsync(FormContent form) => PartAsync(new Pages_FormHead { Model = form });

    /// <summary>A field of a form.</summary>
    protected ValueTask<HtmlString> FieldAsync(FormField field) => PartAsync(new Pages_FormFieldRow { Model = field });

    /// <summary>Boxes of a form.</summary>
    protected ValueTask<HtmlString> BoxesAsync(FormBoxes boxes) => PartAsync(new Pages_FormBoxRow { Model = boxes });

    /// <summary>A table.</summary>
    protected ValueTask<HtmlString> TableAsync(
        string caption, IReadOnlyList<TableColumn> columns, IReadOnlyList<object?[]> rows) =>
        PartAsync(new Pages_DataTable { Model = new TableContent(caption, columns, rows) });

    /// <summary>A link to a path of the registry.</summary>
    protected HtmlString Link(string path, string text) =>
        new($"<a href=\"{Encode(To(path))}\">{Encode(text)}</a>");

    /// <summary>A word in a chip.</summary>
    protected static HtmlString Chip(string text, string tone) =>
        new($"<span class=\"chip {Encode(tone)}\">{Encode(text)}</span>");

    /// <summary>A button that changes what it stands beside; what that is called, its name says too.</summary>
    protected HtmlString PostButton(string path, string text, string subject, (string Name, string Value) field) => new(
        $"<form method=\"post\" action=\"{Encode(To(path))}\">"
        + $"<input type=\"hidden\" name=\"form\" value=\"{new FormContent(path).Number}\">"
        + $"<input type=\"hidden\" name=\"{Encode(field.Name)}\" value=\"{Encode(field.Value)}\">"
        + $"<button class=\"small\">{Encode(text)}<span class=\"hidden\"> {Encode(subject)}</span></button></form>");

    /// <summary>When something was, if it was.</summary>
    protected HtmlString TimeOr(DateTimeOffset? at) => at is { } time ? Time(time) : HtmlString.Empty;

    /// <summary>When somebody did something.</summary>
    protected HtmlString TimeBy(DateTimeOffset at, string name) =>
        new($"{Time(at).Value} <span class=\"quiet\">{Encode(Words.By(name))}</span>");

    /// <summary>How long ago, and when exactly.</summary>
    protected HtmlString Time(DateTimeOffset at)
    {
        var exact = at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
        var machine = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return new HtmlString(
            $"<time datetime=\"{machine}\" title=\"{exact}\">{Encode(Words.AgeOrDate(at, Frame.Now))}</time>");
    }

    /// <summary>The same of what may never be.</summary>
    protected HtmlString Moment(DateTimeOffset? at, string none) => at is { } time
        ? Time(time) : new HtmlString($"<span class=\"quiet\">{Encode(none)}</span>");

    /// <summary>A size in units, and in bytes.</summary>
    protected HtmlString Size(long bytes) => new(
        $"<span title=\"{Encode(Words.Bytes(bytes))}\">{Encode(Words.Size(bytes))}</span>");

    /// <summary>A large number, short, and whole.</summary>
    protected HtmlString Count(long count) => new(count < 1000
        ? Words.Whole(count)
        : $"<span title=\"{Encode(Words.Whole(count))}\">{Encode(Words.Short(count))}</span>");

    /// <summary>The beginning of a digest, and a button that copies all of it.</summary>
    protected HtmlString Digest(string digest)
    {
        var start = digest.IndexOf(':', StringComparison.Ordinal) + 1;
        var shown = digest.Length > start + ShownDigits ? digest[start..(start + ShownDigits)] : digest[start..];
        return new HtmlString(
            $"<span class=\"digest\" title=\"{Encode(digest)}\">{Encode(shown)}</span>"
            + CopyButton(digest, Words.CopyDigest));
    }

    /// <summary>A command to copy.</summary>
    protected HtmlString Command(string command) => new(
        $"<div class=\"command\"><code tabindex=\"0\">{Encode(command)}</code>"
        + $"{CopyButton(command, Words.CopyCommand)}</div>");

    /// <summary>A picture beside a word.</summary>
    protected HtmlString Icon(string name) => new(
        $"<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{To(Assets.PathOf("icons.svg"))}#{name}\"/></svg>");

    /// <summary>Does nothing without scripts, so it is shown by the script.</summary>
    private string CopyButton(string text, string label) =>
        $"<button type=\"button\" class=\"copy\" data-copy=\"{Encode(text)}\" hidden>{Icon("copy").Value}"
        + $"<span class=\"hidden\">{Encode(label)}</span></button>";

    private static string Encode(string text) => PageEncoder.Only.Encode(text);
}
