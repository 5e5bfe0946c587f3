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

    /// <summary>What is searched on the page of searches; empty on others.</summary>
    public string Searched => Path.StartsWith("/search?", StringComparison.Ordinal)
        ? QueryHelpers.ParseQuery(Path[Path.IndexOf('?')..])["q"].ToString() : "";

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
}
