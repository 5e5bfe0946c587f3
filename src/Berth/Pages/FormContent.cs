using System.Buffers.Text;
using System.Security.Cryptography;
using Berth.Api;
using Berth.Identity;

namespace Berth.Pages;

/// <summary>
/// A form as a page shows it: empty, or with what was sent before and what was wrong with that. Secrets are never shown
/// again.
/// </summary>
/// <param name="Action">The path that it is sent to, which tells the forms of a page apart.</param>
/// <param name="Sent">What was sent; null for a form that is shown for the first time.</param>
/// <param name="Error">What was wrong with it.</param>
internal sealed record FormContent(string Action, PageBody? Sent = null, ApiError? Error = null)
{
    private const int NumberBytes = 12;

    /// <summary>The version of what is shown: a change of an older one is refused. Null if it has none.</summary>
    public string? Version { get; init; }

    /// <summary>By which a second click on its button is noticed.</summary>
    public string Number { get; } = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(NumberBytes));

    /// <summary>Whether some of what it asked for was done all the same.</summary>
    public bool IsPartlyDone { get; init; }

    /// <summary>The status of the page that shows it.</summary>
    public int Status => Error?.Status ?? StatusCodes.Status200OK;

    /// <summary>The form with this action: the one that was sent, or one for the first time.</summary>
    public static FormContent Of(FormContent? sent, string action, long? version = null) =>
        (sent?.Action == action ? sent : new FormContent(action)).For(version?.ToString());

    /// <summary>
    /// With the version of what is shown, or, after an error, with the one that was sent: what is typed was meant for
    /// that. Whoever is told that it has changed meanwhile gets the present one.
    /// </summary>
    public FormContent For(string? version) => this with
    {
        Version = Error is { Status: not StatusCodes.Status412PreconditionFailed }
            && Sent?.Text("version") is { Length: > 0 } seen ? seen : version,
    };

    /// <summary>What a field shows.</summary>
    public string Text(string field, string usual) => Sent?.Text(field) ?? usual;

    /// <summary>Whether a box is checked: browsers send only those that are.</summary>
    public bool IsChecked(string field, string value, bool usual) =>
        Sent is null ? usual : Sent.All(field).Contains(value, StringComparer.Ordinal);
}

/// <summary>A field of a form: its label above, help below, and what is wrong with it.</summary>
/// <param name="Form">The form.</param>
/// <param name="Name">Its name, which is that of the API's field: so errors find it.</param>
/// <param name="Label">What people call it.</param>
internal sealed record FormField(FormContent Form, string Name, string Label)
{
    /// <summary>As HTML has it; <c>lines</c> for several lines, and <c>code</c> for several lines of code.</summary>
    public string Type { get; init; } = "text";

    public string? Help { get; init; }

    /// <summary>What it has before anything was sent.</summary>
    public string Usual { get; init; } = "";

    public bool IsRequired { get; init; }

    public string Autocomplete { get; init; } = "off";

    /// <summary>The values of a list and their words; empty for a field to type in.</summary>
    public IReadOnlyList<(string Value, string Text)> Options { get; init; } = [];

    public string Id => Form.Action.Trim('/').Replace('/', '-') + "-" + Name;

    /// <summary>Passwords are never sent back.</summary>
    public string Value => Type == "password" ? "" : Form.Text(Name, Usual);

    /// <summary>What is wrong with it. The API begins with the field's name, which the label says already.</summary>
    public string? Fault => Form.Error is not { } error || error.Field != Name ? null
        : error.Detail.StartsWith(Name + " ", StringComparison.Ordinal) ? "it" + error.Detail[Name.Length..]
        : error.Detail;

    /// <summary>The ids of the texts that explain it; null for none.</summary>
    public string? DescribedBy =>
        (Fault, Help) switch
        {
            (not null, not null) => $"{Id}-fault {Id}-help",
            (not null, _) => $"{Id}-fault",
            (_, not null) => $"{Id}-help",
            _ => null,
        };
}

/// <summary>A box to check, or several that are sent under one name.</summary>
/// <param name="Form">The form.</param>
/// <param name="Name">Their name.</param>
/// <param name="Label">What they are together; null for a single one.</param>
/// <param name="Boxes">Their values, words, and whether they are checked at first.</param>
internal sealed record FormBoxes(
    FormContent Form, string Name, string? Label, IReadOnlyList<(string Value, string Text, bool Usual)> Boxes)
{
    public string? Help { get; init; }

    public string Id => Form.Action.Trim('/').Replace('/', '-') + "-" + Name;

    public string? Fault => Form.Error?.Field == Name ? Form.Error.Detail : null;
}

/// <summary>A page that asks before something is lost.</summary>
/// <param name="Form">The form that does it.</param>
/// <param name="Question">What is asked.</param>
/// <param name="Losses">What is lost, in sentences.</param>
/// <param name="Button">What is done, as a verb.</param>
/// <param name="Back">Where one goes who does not want it.</param>
internal sealed record Confirmation(
    FormContent Form, string Question, IReadOnlyList<string> Losses, string Button, string Back)
{
    /// <summary>What the form sends besides.</summary>
    public IReadOnlyList<(string Name, string Value)> Hidden { get; init; } = [];

    /// <summary>Whether it is one of the pages of settings.</summary>
    public bool IsOfSettings { get; init; } = true;
}

/// <summary>A form that is only a button.</summary>
/// <param name="Form">The form.</param>
/// <param name="Text">What it does.</param>
/// <param name="Subject">To what, for those who do not see where it is.</param>
/// <param name="Fields">What else is sent.</param>
internal sealed record ButtonForm(
    FormContent Form, string Text, string Subject, params (string Name, string Value)[] Fields);

/// <summary>A table of where somebody is signed in.</summary>
/// <param name="Sessions">Browsers and programs.</param>
/// <param name="Path">The page below which they are signed out.</param>
/// <param name="MayEnd">Whether the reader may.</param>
internal sealed record SessionTable(IReadOnlyList<SessionView> Sessions, string Path, bool MayEnd);
