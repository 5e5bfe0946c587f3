using Microsoft.AspNetCore.WebUtilities;
using RazorSlices;

namespace Berth.Pages;

/// <summary>What every page has around it, and what its parts need to know of the request.</summary>
/// <param name="Title">What the page is called.</param>
/// <param name="Root">What comes before all paths of the registry, as browsers see it: no slash at the end.</param>
/// <param name="Path">The page's own path and query.</param>
/// <param name="Host">The registry as clients write it before the names of images.</param>
/// <param name="UserName">Who is signed in; null for nobody.</param>
/// <param name="MaySignIn">Whether there is anybody who could sign in.</param>
/// <param name="IsStaff">Whether they may see the pages about the registry itself.</param>
/// <param name="Theme">Light or dark; empty: as the system has it.</param>
/// <param name="Now">The time that relative times are relative to.</param>
/// <param name="Words">All texts.</param>
internal sealed record Frame(
    string Title, string Root, string Path, string Host, string? UserName, bool MaySignIn, bool IsStaff, string Theme,
    DateTimeOffset Now, English Words)
{
    public static string Version { get; } = typeof(Frame).Assembly.GetName().Version!.ToString(fieldCount: 3);

    /// <summary>Whether clients reach the registry over TLS.</summary>
    public bool IsOverTls { get; init; }

    /// <summary>Whether everybody may pull everything, whatever is marked as public.</summary>
    public bool IsOpenToAll { get; init; }

    /// <summary>Whether whoever is signed in has an account here: users of a file have none.</summary>
    public bool HasAccount { get; init; }

    /// <summary>Whether they may do everything.</summary>
    public bool IsAdministrator { get; init; }

    /// <summary>Whether the links to the pages of settings are beside the page.</summary>
    public bool IsOfSettings { get; init; }

    /// <summary>For staff: how the registry is, as <c>HealthView</c> says it; null for others.</summary>
    public string? Health { get; init; }

    /// <summary>A field of the page's query; empty if it is not there.</summary>
    public string Query(string name) =>
        Path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at
        && QueryHelpers.ParseQuery(Path[at..]).TryGetValue(name, out var value) ? value.ToString() : "";

    /// <summary>What is searched on the page of searches; empty on others.</summary>
    public string Searched => Path.StartsWith("/search?", StringComparison.Ordinal) ? Query("q") : "";

    /// <summary>A path of the registry, as browsers see it.</summary>
    public string To(string path) => Root + path;
}

/// <summary>Makes <c>Frame.cshtml</c>, which is the layout of all pages.</summary>
internal sealed class FrameLayout : IRazorSliceProxy<Frame>
{
    public static RazorSlice<Frame> CreateSlice(Frame model) => new Pages_Frame { Model = model };
}

/// <summary>A page whose frame is set when it is answered.</summary>
internal interface IFramed
{
    Frame Frame { set; }

    /// <summary>What the page is called.</summary>
    string Title { get; }

    /// <summary>Whether it is one of the pages of settings.</summary>
    bool IsOfSettings { get; }
}
