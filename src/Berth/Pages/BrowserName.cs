namespace Berth.Pages;

/// <summary>What a browser is called, by the User-Agent that it sends.</summary>
internal static class BrowserName
{
    /// <summary>Browsers name those that they want to pass for as well: the first that is found is meant.</summary>
    private static readonly (string Mark, string Name)[] Browsers =
    [
        ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"), ("Version/", "Safari"),
    ];

    private static readonly (string Mark, string Name)[] Systems =
    [
        ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];

    /// <summary>Such as <c>Firefox 140, Linux</c>; what nobody knows stays as it is.</summary>
    public static string Of(string agent)
    {
        foreach (var (mark, name) in Browsers)
        {
            var at = agent.IndexOf(mark, StringComparison.Ordinal);
            if (at < 0) continue;
            var version = new string([.. agent[(at + mark.Length)..].TakeWhile(char.IsAsciiDigit)]);
            var system = Systems.FirstOrDefault(one => agent.Contains(one.Mark, StringComparison.Ordinal)).Name;
            return $"{name} {version}".TrimEnd() + (system is null ? "" : $", {system}");
        }

        return agent;
    }
}
