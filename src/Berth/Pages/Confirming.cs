using Berth.Api;

namespace Berth.Pages;

/// <summary>What a page that asks says.</summary>
/// <param name="Question">What is asked.</param>
/// <param name="Button">What is done, as a verb.</param>
/// <param name="Losses">What is lost, in sentences.</param>
internal sealed record Warning(string Question, string Button, params string[] Losses);

/// <summary>Pages that ask before something is lost. Their form is sent to their own address.</summary>
internal static class Confirming
{
    /// <param name="http">The request.</param>
    /// <param name="sent">The form, if it was sent.</param>
    /// <param name="version">Of what is lost; null if it has none.</param>
    /// <param name="say">The words.</param>
    /// <param name="back">Where one goes who does not want it.</param>
    public static PageResult Page(
        HttpContext http, FormContent? sent, long? version, Func<English, Warning> say, string back) => Page(
            FormContent.Of(sent, http.Request.Path, version), say, back);

    /// <summary>The same, with a form that has its version.</summary>
    public static PageResult Page(FormContent form, Func<English, Warning> say, string back)
    {
        var warning = say(English.Only);
        return new PageResult(
            new Pages_Confirm
            {
                Model = new Confirmation(form, warning.Question, warning.Losses, warning.Button, back),
            },
            form.Status);
    }

    /// <summary>Asks, once it is found what is lost.</summary>
    public static IResult Of<T>(
        HttpContext http, ApiAnswer<T> found, FormContent? sent, Func<English, T, Warning> say, string back)
        where T : class => found.Value is { } value
            ? Page(http, sent, found.Version, words => say(words, value), back)
            : ProblemPage.Of(http, sent?.Error ?? found.Error!);
}
