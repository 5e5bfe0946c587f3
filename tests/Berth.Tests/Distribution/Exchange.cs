namespace Berth.Tests.Distribution;

/// <summary>One call of a <see cref="Script"/> and what it must answer.</summary>
/// <param name="Line">Where it begins in the script, from 1.</param>
/// <param name="Request">Method and path.</param>
internal sealed record Exchange(int Line, string Request)
{
    public List<(string Name, string Value)> Headers { get; } = [];

    /// <summary>The request's body, or null for none.</summary>
    public string? Body { get; set; }

    /// <summary>The status, then the codes of the OCI errors, one for each.</summary>
    public string Status { get; set; } = "";

    public List<(string Name, string Value)> ExpectedHeaders { get; } = [];

    /// <summary>The answer's body, or null if any will do.</summary>
    public string? ExpectedBody { get; set; }

    /// <summary>Reads a script; see <see cref="Script"/> for how it is written.</summary>
    public static List<Exchange> ReadAll(string script)
    {
        var exchanges = new List<Exchange>();
        var number = 0;
        foreach (var line in script.Split('\n').Select(l => l.Trim()))
        {
            number++;
            if (line.Length == 0 || line[0] == '#') continue;
            if (char.IsAsciiLetterUpper(line[0]) && line.Contains(" /", StringComparison.Ordinal) && !IsHeader(line)
                || line.Contains(" {", StringComparison.Ordinal) && !IsHeader(line) && char.IsAsciiLetterUpper(line[0]))
            {
                exchanges.Add(new Exchange(number, line));
                continue;
            }

            exchanges[^1].Add(line);
        }

        return exchanges;
    }

    private static bool IsHeader(string line)
    {
        var (colon, space) = (line.IndexOf(':', StringComparison.Ordinal), line.IndexOf(' ', StringComparison.Ordinal));
        return colon > 0 && colon < space;
    }

    private void Add(string line)
    {
        if (char.IsAsciiDigit(line[0]))
        {
            Status = line;
            return;
        }

        if (line[0] is '>')
        {
            Body = Body is null ? line[1..].TrimStart() : $"{Body}\n{line[1..].TrimStart()}";
            return;
        }

        if (line[0] is '<')
        {
            ExpectedBody = ExpectedBody is null ? line[1..].TrimStart() : $"{ExpectedBody}\n{line[1..].TrimStart()}";
            return;
        }

        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) throw new FormatException($"line '{line}' of a script is nothing known");
        (Status.Length == 0 ? Headers : ExpectedHeaders).Add((line[..colon], line[(colon + 1)..].Trim()));
    }
}
