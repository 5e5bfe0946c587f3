using System.Buffers;
using System.Security.Cryptography;

namespace Berth.Oci;

/// <summary>
/// The hash algorithms Berth stores content under (image-spec, descriptor.md, "Registered algorithms").
/// </summary>
public enum DigestAlgorithm
{
    Sha256,
    Sha512,
}

/// <summary>
/// A digest such as <c>sha256:…</c>: the name of content (image-spec, descriptor.md, "Digests").
/// Only registered algorithms with lower-case hex of the right length parse.
/// </summary>
public readonly record struct Digest
{
    private const string Sha256Prefix = "sha256:";
    private const string Sha512Prefix = "sha512:";
    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    private Digest(string text) => Text = text;

    /// <summary>The whole digest, algorithm and hex.</summary>
    public string Text { get; }

    public DigestAlgorithm Algorithm => AlgorithmOf(Text);

    /// <summary>The part after the colon.</summary>
    public string Hex => Text[Sha256Prefix.Length..];

    /// <summary>True for the digest of zero bytes, the only one whose blob may be empty.</summary>
    public bool IsOfNothing => this == Of(Algorithm, []);

    public static bool TryParse(ReadOnlySpan<char> text, out Digest digest)
    {
        digest = default;
        if (!IsValid(text)) return false;
        digest = new Digest(text.ToString());
        return true;
    }

    /// <exception cref="FormatException">The text is not a digest of a registered algorithm.</exception>
    public static Digest Parse(string text) =>
        IsValid(text) ? new Digest(text) : throw new FormatException($"'{text}' is not a digest.");

    public static Digest Of(DigestAlgorithm algorithm, ReadOnlySpan<byte> content) => FromHash(
        algorithm,
        algorithm == DigestAlgorithm.Sha512 ? SHA512.HashData(content) : SHA256.HashData(content));

    public static Digest FromHash(DigestAlgorithm algorithm, ReadOnlySpan<byte> hash) =>
        new((algorithm == DigestAlgorithm.Sha512 ? Sha512Prefix : Sha256Prefix) + Convert.ToHexStringLower(hash));

    public static IncrementalHash StartHash(DigestAlgorithm algorithm) => IncrementalHash.CreateHash(
        algorithm == DigestAlgorithm.Sha512 ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    public override string ToString() => Text;

    private static DigestAlgorithm AlgorithmOf(ReadOnlySpan<char> text) =>
        text.StartsWith(Sha512Prefix, StringComparison.Ordinal) ? DigestAlgorithm.Sha512 : DigestAlgorithm.Sha256;

    private static bool IsValid(ReadOnlySpan<char> text)
    {
        var hexLength = text.StartsWith(Sha256Prefix, StringComparison.Ordinal) ? 64
            : text.StartsWith(Sha512Prefix, StringComparison.Ordinal) ? 128
            : -1;
        return hexLength > 0 && text.Length == Sha256Prefix.Length + hexLength
            && !text[Sha256Prefix.Length..].ContainsAnyExcept(LowerHex);
    }
}
