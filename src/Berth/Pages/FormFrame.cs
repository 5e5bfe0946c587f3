using Berth.Identity;

namespace Berth.Pages;

/// <summary>A page that signs somebody in, or changes how they do.</summary>
/// <param name="Title">What it is called.</param>
/// <param name="Body">Its HTML.</param>
internal sealed record FormPage(string Title, string Body);

/// <summary>The frame of the pages below <c>/auth</c>.</summary>
internal sealed class FormFrame : IPageFrame
{
    public Task WriteAsync(HttpContext http, int status, string title, string body) =>
        new PageResult(new Pages_Form { Model = new FormPage(title, body) }, status).ExecuteAsync(http);
}
