using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Berth.Identity;

/// <summary>A text with claims in braces: <c>{repository} at {ref}</c>. It has no other braces.</summary>
internal sealed class ClaimTemplate
{
    private const int MaxChars = 256;

    /// <summary>Texts, and between them claims.</summary>
    private readonly List<(string Text, ClaimPath? Claim)> parts = [];

    private ClaimTemplate()
    {
    }

    /// <summary>False if it can't be read.</summary>
    /// <param name="text">The template.</param>
    /// <param name="template">What was read.</param>
    /// <param name="fault">What is wrong, and at which column.</param>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out ClaimTemplate? template, [NotNullWhen(false)] out string? fault)
    {
        (template, fault) = (null, null);
        if (text.Length > MaxChars)
        {
            fault = $"is longer than {MaxChars} characters";
            return false;
        }

        try
        {
            var source = new ClaimText(text);
            var read = new ClaimTemplate();
            while (source.HasMore) read.ReadPart(source);
            template = read;
            return true;
        }
        catch (ClaimTextException e)
        {
            fault = e.Message;
            return false;
        }
    }

    /// <summary>The text with the claims' values; null if one of them is absent.</summary>
    public string? Fill(JsonElement claims)
    {
        var filled = new StringBuilder();
        foreach (var (text, claim) in parts)
        {
            filled.Append(text);
            if (claim is null) continue;
            if (claim.ValuesIn(claims) is not [var value, ..]) return null;
            filled.Append(value);
        }

        return filled.ToString();
    }

    private void ReadPart(ClaimText source)
    {
        var text = source.TakeUntil('{');
        if (text.Contains('}')) throw source.Fault("a brace is closed before it is opened");
        ClaimPath? claim = null;
        if (source.TakeSymbol("{"))
        {
            claim = source.TakePath();
            if (!source.TakeSymbol("}")) throw source.Fault("expected }");
        }

        parts.Add((text, claim));
    }
}
