namespace Berth.Cli;

/// <summary>
/// A table of plain lines. On a terminal, columns that are empty are left out, sentences and lists are broken between
/// words, and if that does not do, the last columns go below the first ones. So a row is no wider than the terminal,
/// and names, digests and times are never broken.
/// </summary>
internal static class Table
{
    private const string Utc = " UTC";
    private const int Gap = 2;
    private const int Indent = 4;

    /// <summary>Narrower than that, a column is hard to read.</summary>
    private const int LeastWidth = 16;

    /// <summary>The headings of columns that have more than a word.</summary>
    private static readonly string[] Broken =
        ["DETAIL", "THROUGH", "GRANTS", "NAMES", "IF", "ACTIONS", "DESCRIPTION", "FULL NAME", "FAULT", "IMAGES"];

    /// <summary>The headings of columns that are cut on a terminal: a licence may be a whole text.</summary>
    private static readonly string[] Cut = ["LICENSE"];

    private const int MaxCut = 40;

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
        var columns = headings.Select((heading, i) => Read(
                heading, rows.Select(row => isTerminal && Cut.Contains(heading) ? Shorten(row[i]) : row[i])))
            .Where(column => !isTerminal || rows.Count == 0 || column.Cells.Exists(cell => cell.Length > 0)).ToList();
        var groups = Arrange(columns, width);
        foreach (var line in WriteRow(groups, column => column.Heading)) yield return line;
        for (var i = 0; i < rows.Count; i++)
        {
            var row = i;
            foreach (var line in WriteRow(groups, column => column.Cells[row])) yield return line;
        }
    }

    /// <summary>Which columns stand beside each other, with their widths; each group is below the one before.</summary>
    private static List<List<Column>> Arrange(List<Column> columns, int width)
    {
        Narrow(columns, width);
        var groups = new List<List<Column>> { new() };
        foreach (var column in columns)
        {
            var room = width - (groups.Count > 1 ? Indent : 0);
            if (groups[^1].Count > 0 && WidthOf([.. groups[^1], column]) > room) groups.Add([]);
            groups[^1].Add(column);
        }

        // What has more room now need not be broken so often.
        foreach (var column in columns) column.Width = column.FullWidth;
        for (var i = 0; i < groups.Count; i++) Narrow(groups[i], width - (i > 0 ? Indent : 0));
        return groups;
    }

    private static string Shorten(string text) => text.Length <= MaxCut ? text : $"{text[..(MaxCut - 1)].TrimEnd()}…";

    /// <summary>Times are all in UTC, so the heading says it once.</summary>
    private static Column Read(string heading, IEnumerable<string> given)
    {
        var cells = given.ToList();
        if (cells.Exists(cell => cell.EndsWith(Utc, StringComparison.Ordinal)))
        {
            heading += " (UTC)";
            cells = cells.ConvertAll(cell => cell.EndsWith(Utc, StringComparison.Ordinal) ? cell[..^Utc.Length] : cell);
        }

        return new Column(heading, cells, cells.Append(heading).Max(cell => cell.Length));
    }

    /// <summary>Takes the room that is missing from the widest columns that can be broken.</summary>
    private static void Narrow(List<Column> columns, int width)
    {
        while (WidthOf(columns) > width)
        {
            var widest = columns.Where(column => Broken.Contains(column.Heading) && column.Width > LeastWidth)
                .MaxBy(column => column.Width);
            if (widest is null) return;
            widest.Width--;
        }
    }

    private static int WidthOf(List<Column> columns) =>
        columns.Sum(column => column.Width) + (Gap * (columns.Count - 1));

    private static IEnumerable<string> WriteRow(List<List<Column>> groups, Func<Column, string> cellOf) =>
        groups.SelectMany((group, i) => WriteRow(group, cellOf, i == 0 ? "" : new string(' ', Indent)))
            .Where(line => line.Length > 0);

    private static IEnumerable<string> WriteRow(List<Column> columns, Func<Column, string> cellOf, string indent)
    {
        var parts = columns.ConvertAll(column => Break(cellOf(column), column.Width));
        for (var line = 0; line < parts.Max(part => part.Count); line++)
        {
            var cells = columns.Select(
                (column, i) => (line < parts[i].Count ? parts[i][line] : "").PadRight(column.Width));
            yield return (indent + string.Join(new string(' ', Gap), cells)).TrimEnd();
        }
    }

    private static List<string> Break(string text, int width)
    {
        var lines = new List<string>();
        while (text.Length > width)
        {
            var end = text.LastIndexOf(' ', width) is > 0 and var before ? before : text.IndexOf(' ', width);
            if (end < 0) break;
            lines.Add(text[..end]);
            text = text[(end + 1)..];
        }

        lines.Add(text);
        return lines;
    }

    private sealed record Column(string Heading, List<string> Cells, int FullWidth)
    {
        public int Width { get; set; } = FullWidth;
    }
}
