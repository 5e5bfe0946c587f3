using System.Text.RegularExpressions;

namespace Berth.Vulnerabilities;

/// <summary>The versions of Go's modules and of Go itself, as OSV has them: semantic ones without a v.</summary>
internal static partial class GoVersion
{
    /// <summary><c>v1.2.3</c> is 1.2.3, and <c>go1.21rc2</c>, or without the go, is 1.21.0-rc.2; null for what was
    /// built from a working copy.</summary>
    public static string? Read(string text)
    {
        if (text is ['v', >= '0' and <= '9', ..]) return text[1..];
        // After it may stand experiments, as in go1.26-X:jsonv2, or what a distributor adds.
        if (GoRelease().Match(text) is not { Success: true } match) return null;
        var patch = match.Groups["patch"] is { Success: true } number ? number.Value : "0";
        var release = $"{match.Groups["minor"].Value}.{patch}";
        return match.Groups["pre"].Success
            ? $"{release}-{match.Groups["pre"].Value}.{match.Groups["number"].Value}"
            : release;
    }

    [GeneratedRegex(@"^(go)?(?<minor>[0-9]+\.[0-9]+)(\.(?<patch>[0-9]+))?((?<pre>beta|rc)(?<number>[0-9]+))?")]
    private static partial Regex GoRelease();
}
