namespace Berth.Search;

/// <summary>How far words are from each other.</summary>
internal static class Spelling
{
    /// <summary>Shorter words have too many neighbours.</summary>
    public const int MinLength = 4;

    /// <summary>From this length on, two letters may be wrong.</summary>
    private const int LongLength = 8;

    /// <summary>The most letters that may be wrong, missing, or in each other's place.</summary>
    public static int AllowedIn(string word) => word.Length >= LongLength ? 2 : 1;

    /// <summary>
    /// How many letters must be changed, added, left out, or swapped with their neighbour; more than
    /// <paramref name="most"/> counts as one more than that.
    /// </summary>
    public static int Distance(string one, string other, int most)
    {
        if (Math.Abs(one.Length - other.Length) > most) return most + 1;
        var (before, last, row) = (new int[other.Length + 1], new int[other.Length + 1], new int[other.Length + 1]);
        for (var j = 0; j <= other.Length; j++) last[j] = j;
        for (var i = 1; i <= one.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var cost = one[i - 1] == other[j - 1] ? 0 : 1;
                row[j] = Math.Min(Math.Min(row[j - 1] + 1, last[j] + 1), last[j - 1] + cost);
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }

            (before, last, row) = (last, row, before);
        }

        return Math.Min(last[other.Length], most + 1);
    }
}
