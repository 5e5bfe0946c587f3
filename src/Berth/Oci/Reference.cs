namespace Berth.Oci;

/// <summary>A tag: <c>[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}</c> (distribution-spec, "Pulling manifests").</summary>
public readonly record struct Tag
{
    /// <summary>Longest tag in characters.</summary>
    public const int MaxLength = 128;

    private Tag(string text) => Text = text;

    public string Text { get; }

    /// <exception cref="FormatException">The text is not a tag.</exception>
    public static Tag Parse(string text) =>
        TryParse(text, out var tag) ? tag : throw new FormatException($"'{text}' is not a tag.");

    public static bool TryParse(ReadOnlySpan<char> text, out Tag tag)
    {
        tag = default;
        if (text.IsEmpty || text.Length > MaxLength || text[0] is '.' or '-') return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-')) return false;
        }

        tag = new Tag(text.ToString());
        return true;
    }

    public override string ToString() => Text;
}

/// <summary>What names a manifest in a repository: a tag or a digest. Exactly one of the two is set.</summary>
public readonly record struct Reference
{
    public Reference(Tag tag) => Tag = tag;

    public Reference(Digest digest) => Digest = digest;

    public Tag? Tag { get; }

    public Digest? Digest { get; }

    /// <summary>Anything with a colon can only be a digest, since tags have none.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Reference reference)
    {
        reference = default;
        if (text.Contains(':'))
        {
            if (!Oci.Digest.TryParse(text, out var digest)) return false;
            reference = new Reference(digest);
            return true;
        }

        if (!Oci.Tag.TryParse(text, out var tag)) return false;
        reference = new Reference(tag);
        return true;
    }

    public override string ToString() => Digest?.Text ?? Tag?.Text ?? "";
}
