namespace Berth.Packages;

/// <summary>A kind of file that lists packages. Its content comes from whoever made the image.</summary>
internal abstract class PackageFormat
{
    private static readonly PackageFormat[] All = [new DpkgFormat(), new ApkFormat()];

    /// <summary>The format of a file by its path; null if it lists no packages.</summary>
    public static PackageFormat? Find(string path) => Array.Find(All, one => one.Reads(path));

    /// <summary>The packages that a file of this format lists, one after another.</summary>
    public abstract IEnumerable<Package> Read(TextReader content);

    protected abstract bool Reads(string path);

    /// <summary>The packages of a list whose paragraphs, one for each, end with an empty line.</summary>
    /// <param name="content">The list.</param>
    /// <param name="fields">The fields that are looked for.</param>
    /// <param name="add">Takes a line that is not empty.</param>
    /// <param name="end">Makes a package of a paragraph; null if it is none.</param>
    protected static IEnumerable<Package> ReadParagraphs(
        TextReader content, PackageFields fields, Action<string> add, Func<PackageFields, Package?> end)
    {
        while (content.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                add(line);
                continue;
            }

            if (end(fields) is { } package) yield return package;
            fields.Clear();
        }

        if (end(fields) is { } last) yield return last;
    }
}
