namespace Berth.Packages;

/// <summary>Libraries and programs of Java, and what is packed in them.</summary>
internal sealed class JarFormat : PackageFormat
{
    private static readonly string[] Endings = [".jar", ".war", ".ear", ".par", ".jpi", ".hpi"];

    public override int MaxBytes => 512 << 20;

    public override bool IsOfLanguage => true;

    public override void Read(Stream content, string path, PackageFindings found)
    {
        // Some programs leave empty files where others have theirs.
        if (content.Length == 0) return;
        var file = new FileBytes(content);
        new JarReader(found, file.Length).Read(file, path);
    }

    /// <summary>Whether a file is an archive of Java, by its name.</summary>
    public static bool IsJar(ReadOnlySpan<char> path)
    {
        foreach (var ending in Endings)
        {
            if (path.Length > ending.Length && path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) return true;
        }

        return false;
    }

    protected override bool Reads(string path) => IsJar(path);
}
