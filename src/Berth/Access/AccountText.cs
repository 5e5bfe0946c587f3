namespace Berth.Access;

/// <summary>Checks what people write into accounts.</summary>
internal static class AccountText
{
    /// <summary>More than any name or address that people have.</summary>
    private const int MaxChars = 200;

    /// <summary>What is wrong with one of some optional texts; null if nothing is.</summary>
    public static string? FindFault(params ReadOnlySpan<(string Name, string? Text)> fields) =>
        FindFault(fields, out _);

    /// <summary>The same, and in which.</summary>
    public static string? FindFault(ReadOnlySpan<(string Name, string? Text)> fields, out string field)
    {
        field = "";
        foreach (var (name, text) in fields)
        {
            if (text is null) continue;
            field = name;
            if (text.Length > MaxChars) return $"{name} has at most {MaxChars} characters";
            if (text.Any(char.IsControl)) return $"{name} has no control characters";
            if (name == "email" && text.Length > 0 && !IsAddress(text)) return $"'{text}' is not an e-mail address";
        }

        return null;
    }

    /// <summary>Why a text can't be a user's name.</summary>
    public static string FaultOfName(string text) =>
        text.StartsWith(AccountName.RobotPrefix, StringComparison.OrdinalIgnoreCase)
            ? $"'{text}' can't be a name: names with {AccountName.RobotPrefix} are for robots"
            : $"'{text}' can't be a name: use at most {AccountName.MaxLength} lower-case letters and digits, with "
                + "single '.', '_' or dashes between";

    private static bool IsAddress(string text) =>
        text.IndexOf('@', StringComparison.Ordinal) is > 0 and var at && at < text.Length - 1 && !text.Contains(' ');
}
