using Berth.Api;

namespace Berth.Pages;

/// <summary>An image that was found.</summary>
internal sealed record FoundHolder(
    string Repository, string Digest, IReadOnlyList<string> Tags, string Package, string Version, string Severity,
    string FixedIn);

/// <summary>Which images have a package or a vulnerability.</summary>
/// <param name="Query">What was asked for.</param>
/// <param name="Name">Its name.</param>
/// <param name="Summary">What is known of it; may be empty.</param>
/// <param name="IsOfVulnerability">Whether it is a vulnerability.</param>
/// <param name="IsComplete">Whether all images were looked into.</param>
/// <param name="Items">The page of images.</param>
internal sealed record HolderSearchPage(
    string Query, string Name, string Summary, bool IsOfVulnerability, bool IsComplete,
    PageList<FoundHolder> Items);

/// <summary><c>/search</c> for images with a package or a vulnerability.</summary>
internal sealed class HolderSearchPages(PackageSearchEndpoints packages, VulnerabilitySearchEndpoints vulnerabilities)
{
    public async Task<IResult> ShowAsync(HttpContext http, string query, AskedHolders asked) =>
        asked.Vulnerability.Length > 0
            ? await ShowVulnerableAsync(http, query, asked) : await ShowInstalledAsync(http, query, asked);

    private async Task<IResult> ShowVulnerableAsync(HttpContext http, string query, AskedHolders asked)
    {
        var answer = await vulnerabilities.FindAsync(http, asked.Vulnerability, asked.Namespace);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var items = found.Items.Select(one => new FoundHolder(
            one.Repository, one.Digest, one.Tags, one.Package, one.Version, one.Severity, one.FixedIn));
        return Show(http, query, found.Name, found.Summary, isOfVulnerability: true, found.IsComplete, [.. items]);
    }

    private async Task<IResult> ShowInstalledAsync(HttpContext http, string query, AskedHolders asked)
    {
        var answer = await packages.FindAsync(
            http, asked.Package, asked.Version, asked.Below, type: null, asked.Namespace);
        if (answer.Value is not { } found) return ProblemPage.Of(http, answer.Error!);
        var items = found.Items.Select(one => new FoundHolder(
            one.Repository, one.Digest, one.Tags, one.Name, one.Version, "", ""));
        return Show(http, query, asked.Package, "", isOfVulnerability: false, found.IsComplete, [.. items]);
    }

    private static PageResult Show(
        HttpContext http, string query, string name, string summary, bool isOfVulnerability, bool isComplete,
        IReadOnlyList<FoundHolder> items) => new(new Pages_SearchHolders
        {
            Model = new HolderSearchPage(
                query, name, summary, isOfVulnerability, isComplete,
                PageList<FoundHolder>.Of(http, new Listed<FoundHolder>(items))),
        });
}
