namespace Berth.Cli;

/// <summary>
/// A table of plain lines. On a terminal, columns that are empty are left out, and sentences and lists are broken
/// between words so that a row is no wider than the terminal; names, digests and times are never broken.
/// </summary>
internal static class Table
{
    private const string Utc = " UTC";
    private const int Gap = 2;

    /// <summary>Narrower than that, a column is hard to read.</summary>
    private const int LeastWidth = 16;

    /// <summary>The headings of columns that have more than a word.</summary>
    private static readonly string[] Broken =
        ["DETAIL", "THROUGH", "GRANTS", "NAMES", "IF", "ACTIONS", "DESCRIPTION", "FULL NAME", "FAULT"];

    public static void Print(string[] headings, IReadOnlyList<string[]> rows)
    {
        var isTerminal = !Console.IsOutputRedirected;
        foreach (var line in Write(headings, rows, isTerminal ? Console.WindowWidth : int.MaxValue, isTerminal))
            Console.WriteLine(line);
    }

    /// <summary>The lines of a table.</summary>
    /// <param name="headings">What is above each column.</param>
    /// <param name="rows">The cells.</param>
    /// <param name="width">The most characters of a line, if they can be kept to.</param>
    /// <param name="isTerminal">Whether columns without anything are left out: a program may count them.</param>
    public static IEnumerable<string> Write(
        string[] headings, IReadOnlyList<string[]> rows, int width, bool isTerminal)
    {
        var columns = headings.Select((heading, i) => Read(heading, rows.Select(row => row[i])))
            .Where(column => !isTerminal || rows.Count == 0 || column.Cells.Exists(cell => cell.Length > 0)).ToList();
        Narrow(columns, width);
        foreach (var line in WriteRow(columns, column => column.Heading)) yield return line;
        for (var i = 0; i < rows.Count; i++)
        {
            var row = i;
            foreach (var line in WriteRow(columns, column => column.Cells[row])) yield return line;
        }
    }

    /// <summary>Times are all in UTC, so the heading says it once.</summary>
    private static Column Read(string heading, IEnumerable<string> given)
    {
        var cells = given.ToList();
        if (cells.Exists(cell => cell.EndsWith(Utc, StringComparison.Ordinal)))
        {
            heading += " (UTC)";
            cells = cells.ConvertAll(cell => cell.EndsWith(Utc, StringComparison.Ordinal) ? cell[..^Utc.Length] : cell);
        }

        return new Column(heading, cells) { Width = cells.Append(heading).Max(cell => cell.Length) };
    }

    /// <summary>Takes the room that is missing from the widest columns that can be broken.</summary>
    private static void Narrow(List<Column> columns, int width)
    {
        while (columns.Sum(column => column.Width) + (Gap * (columns.Count - 1)) > width)
        {
            var widest = columns.Where(column => Broken.Contains(column.Heading) && column.Width > LeastWidth)
                .MaxBy(column => column.Width);
            if (widest is null) return;
            widest.Width--;
        }
    }

    private static IEnumerable<string> WriteRow(List<Column> columns, Func<Column, string> cellOf)
    {
        var parts = columns.ConvertAll(column => Break(cellOf(column), column.Width));
        for (var line = 0; line < parts.Max(part => part.Count); line++)
        {
            yield return string.Join(
                new string(' ', Gap),
                columns.Select((column, i) => (line < parts[i].Count ? parts[i][line] : "").PadRight(column.Width)))
                .TrimEnd();
        }
    }

    private static List<string> Break(string text, int width)
    {
        var lines = new List<string>();
        while (text.Length > width && text.LastIndexOf(' ', width) is > 0 and var end)
        {
            lines.Add(text[..end]);
            text = text[(end + 1)..];
        }

        lines.Add(text);
        return lines;
    }

    private sealed record Column(string Heading, List<string> Cells)
    {
        public int Width { get; set; }
    }
}
