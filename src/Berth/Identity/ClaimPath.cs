using System.Text.Json;
using Berth.Oci;

namespace Berth.Identity;

/// <summary>
/// Where a claim is in a token: <c>repository</c>, or <c>claim["kubernetes.io"].namespace</c> for one in an object.
/// </summary>
internal sealed class ClaimPath(IReadOnlyList<string> names)
{
    /// <summary>The most characters of a claim's value that people are shown.</summary>
    private const int MaxShownChars = 128;

    /// <summary>The name of the outermost claim.</summary>
    public string First => names[0];

    /// <summary>
    /// The claim's values as texts: the elements of an array, or one. Numbers are as the token writes them. Empty if
    /// the claim is absent, null, an empty array or an object.
    /// </summary>
    public IReadOnlyList<string> ValuesIn(JsonElement claims)
    {
        if (Find(claims) is not { } found) return [];
        if (found.ValueKind != JsonValueKind.Array) return TextOf(found) is { } text ? [text] : [];
        var texts = new List<string>(found.GetArrayLength());
        foreach (var item in found.EnumerateArray())
        {
            if (TextOf(item) is { } each) texts.Add(each);
        }

        return texts;
    }

    /// <summary>What the claim is, for people.</summary>
    public string Describe(JsonElement claims)
    {
        if (Find(claims) is not { } found) return "there is no such claim";
        var texts = ValuesIn(claims);
        if (texts.Count == 0) return $"it is {Shortened(found.GetRawText())}, which has no text to compare";
        return found.ValueKind == JsonValueKind.Array
            ? $"it is [{Shortened(string.Join(", ", texts.Select(TextJson.Quote)))}]"
            : $"it is {TextJson.Quote(Shortened(texts[0]))}";
    }

    public override string ToString()
    {
        var first = IsWord(names[0]) ? names[0] : $"claim[{TextJson.Quote(names[0])}]";
        return first + string.Concat(names.Skip(1).Select(
            name => IsWord(name) ? "." + name : $"[{TextJson.Quote(name)}]"));
    }

    /// <summary>Whether it may be written without quotes.</summary>
    private static bool IsWord(string name) =>
        (char.IsAsciiLetter(name[0]) || name[0] == '_') && name.All(ClaimText.IsWordPart) && !ClaimText.IsKeyword(name);

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };

    private static string Shortened(string text) =>
        text.Length <= MaxShownChars ? text : text[..MaxShownChars] + "…";

    private JsonElement? Find(JsonElement claims)
    {
        var at = claims;
        foreach (var name in names)
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at)) return null;
        }

        return at;
    }
}
