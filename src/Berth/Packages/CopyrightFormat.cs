using System.Text.RegularExpressions;

namespace Berth.Packages;

/// <summary>
/// The licences of a package of Debian: those that a machine-readable file names (DEP 5), or those of the texts that a
/// file for people refers to.
/// </summary>
internal sealed partial class CopyrightFormat : PackageFormat
{
    private const string Folder = "usr/share/doc/";
    private const string End = "/copyright";
    private const string Field = "License:";

    /// <summary>No package is under more: what follows are the parts of a collection.</summary>
    private const int MaxLicenses = 20;

    public override int MaxBytes => 4 << 20;

    /// <summary>The package that such a file is about.</summary>
    public static string? PackageOf(string path) =>
        path.StartsWith(Folder, StringComparison.Ordinal) && path.EndsWith(End, StringComparison.Ordinal)
        && path.Length > Folder.Length + End.Length && path[Folder.Length..^End.Length] is var name
        && !name.Contains('/') ? name : null;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var licenses = new SortedSet<string>(StringComparer.Ordinal);
        var references = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var line in PackageFields.LinesOf(content))
        {
            found.ThrowIfCancelled();
            if (line.Length > PackageFields.MaxChars) continue;
            if (line.StartsWith(Field, StringComparison.Ordinal)) licenses.Add(line[Field.Length..].Trim());
            else if (Reference().Match(line) is { Success: true } match)
                references.Add(match.Groups[1].Value.TrimEnd('.'));
            if (licenses.Count == MaxLicenses || references.Count == MaxLicenses) break;
        }

        licenses.Remove("");
        if (licenses.Count == 0) licenses = references;
        if (licenses.Count > 0) found.License = string.Join(" AND ", licenses.Select(Grouped));
    }

    protected override bool Reads(string path) => PackageOf(path) is not null;

    private static string Grouped(string license) => license.Contains(' ') ? $"({license})" : license;

    [GeneratedRegex("/usr/share/common-licenses/([0-9A-Za-z.+-]+)", RegexOptions.NonBacktracking)]
    private static partial Regex Reference();
}
