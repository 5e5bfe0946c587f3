using System.Text.RegularExpressions;

namespace Berth.Vulnerabilities;

/// <summary>
/// Which module of its distribution an entry of OSV is about. Records of Red Hat and those that build its packages
/// again do not say it but in their headings (<c>Important: nodejs:18 security update</c>), and by the releases of
/// fixes, which have <c>.module</c> in them.
/// </summary>
internal static partial class OsvModules
{
    private static readonly string[] Families = ["Red Hat", "Rocky Linux", "AlmaLinux"];

    /// <summary>The module, as <c>nodejs:18</c>; empty: none; null: it does not say.</summary>
    public static string? Of(OsvAffected affected, string? summary)
    {
        if (!Families.Contains(affected.Ecosystem.Split(':')[0])) return null;
        var fixes = affected.Ranges.SelectMany(range => range.Events)
            .Where(one => one.Kind == OsvEventKind.Fixed).Select(one => one.Version).ToList();
        if (fixes.Count == 0) return null;
        if (!fixes.Exists(version => version.Contains(".module", StringComparison.Ordinal))) return "";
        var named = (summary ?? "").Split(' ').Where(word => Module().IsMatch(word)).Distinct().ToList();
        return named is [var module] ? module : null;
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9_.+-]*:[A-Za-z0-9][A-Za-z0-9_.+-]*$", RegexOptions.NonBacktracking)]
    private static partial Regex Module();
}
