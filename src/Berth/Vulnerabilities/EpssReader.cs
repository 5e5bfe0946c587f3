using System.Globalization;
using System.Text;

namespace Berth.Vulnerabilities;

/// <summary>Reads the scores of FIRST's Exploit Prediction Scoring System: a comment, the columns' names, and a line
/// for each CVE.</summary>
internal static class EpssReader
{
    private const int MaxLine = 1_000;

    /// <summary>There are some 300,000 CVEs in 2026.</summary>
    private const int MaxLines = 5_000_000;

    /// <exception cref="InvalidDataException">It is something else, or larger than such a file is.</exception>
    public static IEnumerable<(string Cve, ExploitFacts Facts)> Read(Stream text, long mostBytes)
    {
        var (cve, epss, percentile) = (-1, -1, -1);
        var count = 0;
        foreach (var line in LinesOf(text, mostBytes))
        {
            if (++count > MaxLines) throw new InvalidDataException($"has more than {MaxLines} lines");
            if (line.Length == 0 || line[0] == '#') continue;
            var cells = line.Split(',');
            if (cve < 0)
            {
                (cve, epss, percentile) = (
                    Array.IndexOf(cells, "cve"), Array.IndexOf(cells, "epss"), Array.IndexOf(cells, "percentile"));
                if (cve < 0 || epss < 0) throw new InvalidDataException("has no columns cve and epss");
                continue;
            }

            if (cells.Length <= Math.Max(cve, epss) || !OsvRecord.IsCve(cells[cve])) continue;
            if (ShareOf(cells[epss]) is not { } score) continue;
            var rank = percentile >= 0 && percentile < cells.Length ? ShareOf(cells[percentile]) : null;
            yield return (cells[cve], new ExploitFacts(score, rank, KnownExploitedSince: null, IsRansomware: false));
        }

        if (cve < 0) throw new InvalidDataException("has no columns cve and epss");
    }

    private static double? ShareOf(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
        && share is >= 0 and <= 1 ? share : null;

    private static IEnumerable<string> LinesOf(Stream text, long mostBytes)
    {
        var line = new StringBuilder();
        var buffer = new byte[64 << 10];
        var left = mostBytes;
        while (text.Read(buffer) is > 0 and var read)
        {
            left -= read;
            if (left < 0) throw new InvalidDataException($"has more than {mostBytes} bytes, unpacked");
            for (var at = 0; at < read; at++)
            {
                var c = (char)buffer[at];
                if (c == '\n')
                {
                    yield return line.ToString().TrimEnd('\r');
                    line.Clear();
                    continue;
                }

                if (line.Append(c).Length > MaxLine)
                    throw new InvalidDataException($"has a line of more than {MaxLine} bytes");
            }
        }

        if (line.Length > 0) yield return line.ToString().TrimEnd('\r');
    }
}
