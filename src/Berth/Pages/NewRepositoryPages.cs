using Berth.Api;

namespace Berth.Pages;

/// <summary><c>/new</c>: a repository that is made without a push.</summary>
internal sealed class NewRepositoryPages(RepositoryEndpoints repositories)
{
    public const string Path = "/new";

    /// <summary>The page, with a namespace filled in.</summary>
    public static string PathOf(string space) => $"{Path}?namespace={Uri.EscapeDataString(space)}";

    public static Task<IResult> ShowAsync(HttpContext http) => Task.FromResult<IResult>(Page(null));

    public Task<IResult> AddAsync(HttpContext http) => PageForms.RunAsync(http, async sent =>
    {
        // Whoever may only push there leaves out what takes more.
        var answer = await repositories.AddAsync(
            http,
            new NewRepository(
                sent.Text("name").Trim(), sent.Optional("visibility") is { } chosen ? chosen == "public" : null,
                sent.Optional("description")));
        return await PageForms.EndAsync(
            http, answer.Error is { Status: 400 or 409, Field: null } wrong ? wrong.At("name") : answer,
            Said.At(PagePath.Of(answer.Value?.Name ?? ""), Said.Added),
            error => Task.FromResult<IResult>(Page(new FormContent(Path, sent, error))));
    });

    private static PageResult Page(FormContent? sent) => new(
        new Pages_NewRepository { Model = FormContent.Of(sent, Path) }, sent?.Status ?? StatusCodes.Status200OK);
}
