namespace Berth.Packages;

/// <summary>A list whose paragraphs, one for each package, end with an empty line.</summary>
internal abstract class ParagraphFormat : PackageFormat
{
    /// <param name="content">The list.</param>
    /// <param name="add">Takes a line that is not empty.</param>
    /// <param name="end">Takes the end of a paragraph, which may have no line.</param>
    protected static void ReadParagraphs(Stream content, Action<string> add, Action end)
    {
        foreach (var line in PackageFields.LinesOf(content))
        {
            if (line.Length > 0) add(line);
            else end();
        }

        end();
    }
}
