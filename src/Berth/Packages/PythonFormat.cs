namespace Berth.Packages;

/// <summary>A distribution that pip or its like installed: its core metadata (PyPA specifications, "Core metadata").
/// </summary>
internal sealed class PythonFormat : PackageFormat
{
    private const string Classifier = "Classifier: License :: ";

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        var fields = new PackageFields(
            StringComparison.OrdinalIgnoreCase, "Name", "Version", "License", "License-Expression");
        var classified = (string?)null;
        foreach (var line in PackageFields.LinesOf(content))
        {
            // After an empty line comes the description.
            if (line.Length == 0) break;
            if (line.StartsWith(Classifier, StringComparison.OrdinalIgnoreCase))
                classified ??= line[(line.LastIndexOf(" :: ", StringComparison.Ordinal) + " :: ".Length)..];
            else fields.AddLine(line);
        }

        if (fields.PackageOf("pypi", "Name", "Version") is { } package)
        {
            found.Add(package with
            {
                License = fields["License-Expression"] ?? Told(fields["License"]) ?? PackageFields.Taken(classified),
            });
        }
    }

    /// <summary>Old tools wrote UNKNOWN where nobody had said anything.</summary>
    private static string? Told(string? license) => license is "UNKNOWN" ? null : license;

    protected override bool Reads(string path)
    {
        var name = NameOf(path);
        var folder = NameOf(path.AsSpan(0, Math.Max(0, path.Length - name.Length - 1)));
        return name switch
        {
            "METADATA" => folder.EndsWith(".dist-info"),
            "PKG-INFO" => folder.EndsWith(".egg-info") || folder is "EGG-INFO",
            _ => name.EndsWith(".egg-info"),
        };
    }
}
