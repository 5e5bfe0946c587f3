using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Berth.Tests.Access;
using Berth.Tests.Lifecycle;

namespace Berth.Tests.Pages;

/// <summary>A page, as it was answered.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Text">The page.</param>
/// <param name="Location">Where it leads; empty: nowhere.</param>
/// <param name="Headers">All headers.</param>
internal sealed record PageAnswered(
    HttpStatusCode Status, string Text, string Location, HttpResponseHeaders Headers)
{
    /// <summary>The page's text without what differs between two requests.</summary>
    public string Body => PageClient.Number().Replace(Text, "");
}

/// <summary>Looks at pages as a user, and sends the forms on them, without scripts.</summary>
/// <param name="registry">The registry.</param>
/// <param name="user">Who; null: nobody.</param>
internal sealed partial class PageClient(RegistryFixture registry, string? user)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Headers of each request, besides.</summary>
    public Dictionary<string, string> Headers { get; } = [];

    /// <summary>A page, whatever its status.</summary>
    public Task<PageAnswered> PlainAsync(string path) => SendAsync(HttpMethod.Get, path, content: null);

    public async Task<PageAnswered> GetAsync(string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        var page = await SendAsync(HttpMethod.Get, path, content: null);
        Assert.True(page.Status == status, $"GET {path} as {user}: {page.Status} {page.Text}");
        return page;
    }

    /// <summary>Sends fields alone, as no form of a page does.</summary>
    public async Task<PageAnswered> PostAsync(string path, params (string Name, string Value)[] fields)
    {
        using var content = new FormUrlEncodedContent(
            fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        return await SendAsync(HttpMethod.Post, path, content);
    }

    /// <summary>Fills in the form on a page that has this action, and sends it.</summary>
    /// <param name="page">The page.</param>
    /// <param name="action">Where its form is sent to.</param>
    /// <param name="fields">What is typed and checked.</param>
    public Task<PageAnswered> SubmitAsync(
        PageAnswered page, string action, params (string Name, string Value)[] fields) =>
        PostAsync(action, [.. HiddenOf(page, action), .. fields]);

    /// <summary>Opens a page, and sends its form.</summary>
    public async Task<PageAnswered> FillAsync(
        string path, string action, params (string Name, string Value)[] fields) =>
        await SubmitAsync(await GetAsync(path), action, fields);

    /// <summary>Opens a page that asks, and confirms.</summary>
    public Task<PageAnswered> ConfirmAsync(string path) => FillAsync(path, path);

    private static IEnumerable<(string Name, string Value)> HiddenOf(PageAnswered page, string action)
    {
        var forms = Form().Matches(page.Text).Select(match => match.Value)
            .Where(text => WebUtility.HtmlDecode(text).StartsWith(
                $"<form method=\"post\" action=\"{action}\"", StringComparison.Ordinal)).ToList();
        Assert.True(forms.Count > 0, $"no form is sent to {action}: {page.Text}");
        return Hidden().Matches(forms[0]).Select(match => (
            match.Groups[1].Value, WebUtility.HtmlDecode(match.Groups[2].Value)));
    }

    private async Task<PageAnswered> SendAsync(HttpMethod method, string path, HttpContent? content)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml");
        foreach (var (name, value) in Headers) request.Headers.TryAddWithoutValidation(name, value);
        if (user is not null)
        {
            request.Headers.Authorization = AuthenticationHeaderValue.Parse(AccountsOf.Basic(
                user, user == "admin" ? AccountsOf.AdminPassword : ImagePusher.Password));
        }

        using var answer = await registry.Client.SendAsync(request, Stop);
        return new PageAnswered(
            answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop),
            answer.Headers.Location?.OriginalString ?? "", answer.Headers);
    }

    [GeneratedRegex("<form .*?</form>", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\">")]
    private static partial Regex Hidden();

    [GeneratedRegex("name=\"form\" value=\"[^\"]+\"")]
    internal static partial Regex Number();
}
