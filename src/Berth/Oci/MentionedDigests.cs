using System.Buffers;
using System.Text;

namespace Berth.Oci;

/// <summary>
/// The digests that stand anywhere in a manifest of an unknown type. What they name must not be taken for garbage.
/// </summary>
internal static class MentionedDigests
{
    private static readonly SearchValues<byte> Hex = SearchValues.Create("0123456789abcdef"u8);

    /// <param name="body">The manifest.</param>
    /// <param name="most">The most of them.</param>
    /// <exception cref="ManifestFormatException">There are more.</exception>
    public static List<ManifestReference> In(ReadOnlySpan<byte> body, int most)
    {
        var found = new HashSet<Digest>();
        Find(body, "sha256:"u8, 64, found, most);
        Find(body, "sha512:"u8, 128, found, most);
        return [.. found.Select(digest => new ManifestReference(
            ReferenceKind.Mention, new Descriptor("", digest, 0, [])))];
    }

    private static void Find(
        ReadOnlySpan<byte> body, ReadOnlySpan<byte> prefix, int digits, HashSet<Digest> found, int most)
    {
        var length = prefix.Length + digits;
        while (body.IndexOf(prefix) is >= 0 and var start && body.Length >= start + length)
        {
            var text = body.Slice(start, length);
            body = body[(start + prefix.Length)..];
            if (text[prefix.Length..].ContainsAnyExcept(Hex)) continue;
            found.Add(Digest.Parse(Encoding.ASCII.GetString(text)));
            if (found.Count > most) throw new ManifestFormatException($"the manifest names more than {most} digests");
        }
    }
}
