namespace Berth.Packages;

/// <summary>A gem: its specification, which is a program in Ruby with what it is in a comment at the beginning.
/// </summary>
internal sealed class GemFormat : PackageFormat
{
    private const string Stub = "# stub: ";

    public override int MaxBytes => 1 << 20;

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var (name, version, platform, license) = ((string?)null, (string?)null, (string?)null, (string?)null);
        foreach (var line in PackageFields.LinesOf(content))
        {
            if (line.StartsWith(Stub, StringComparison.Ordinal) && name is null)
            {
                var parts = line[Stub.Length..].Split(' ');
                if (parts.Length >= 3) (name, version, platform) = (parts[0], parts[1], parts[2]);
            }
            else
            {
                var text = line.Trim();
                name ??= ValueOf(text, ".name =");
                version ??= ValueOf(text, ".version =");
                license ??= ValuesOf(text, ".licenses =") ?? ValueOf(text, ".license =");
            }
        }

        if (PackageFields.Make("gem", name, version) is { } package)
        {
            found.Add(package with
            {
                Architecture = platform == "ruby" ? null : PackageFields.Taken(platform),
                License = PackageFields.Taken(license),
            });
        }
    }

    protected override bool Reads(string path) =>
        path.EndsWith(".gemspec", StringComparison.Ordinal)
        && (path.StartsWith("specifications/", StringComparison.Ordinal)
            || path.Contains("/specifications/", StringComparison.Ordinal));

    /// <summary>All texts in quotes after it, any of which may be chosen.</summary>
    private static string? ValuesOf(string line, string field)
    {
        if (ValueOf(line, field) is null) return null;
        var parts = line[line.IndexOf(field, StringComparison.Ordinal)..].Split('"', '\'');
        return string.Join(" OR ", parts.Where((_, place) => place % 2 == 1));
    }

    /// <summary>The first text in quotes after <c>s.name =</c> and the like.</summary>
    private static string? ValueOf(string line, string field)
    {
        if (line.IndexOf(field, StringComparison.Ordinal) is not (>= 0 and <= 16 and var at)) return null;
        var rest = line.AsSpan(at + field.Length);
        if (rest.IndexOfAny('"', '\'') is not (>= 0 and var open)) return null;
        var value = rest[(open + 1)..];
        return value.IndexOf(rest[open]) is > 0 and var close ? value[..close].ToString() : null;
    }
}
