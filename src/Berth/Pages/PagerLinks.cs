namespace Berth.Pages;

/// <summary>The links between the pages of a list.</summary>
internal sealed record PagerLinks(string First, string? Next, bool IsFirst);
