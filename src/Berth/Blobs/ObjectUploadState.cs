using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// What any node needs in order to go on with an upload, as one line of text. It grows by some 23 characters a part.
/// </summary>
/// <param name="Offset">How many bytes were received.</param>
/// <param name="Multipart">The store's name of the multipart upload; null before the first part.</param>
/// <param name="Whole">Where that becomes an object; a place of its own.</param>
/// <param name="ETags">The parts' entity tags, in order, packed.</param>
/// <param name="Tail">The object with the bytes after the last part; null where there are none.</param>
/// <param name="TailBytes">How many bytes that has.</param>
/// <param name="Stale">The tail before, which can go once this state is the one that counts.</param>
/// <param name="Hash">The hash of all bytes, to be taken up; null where it is taken again at the end.</param>
internal sealed record ObjectUploadState(
    [property: JsonPropertyName("o")] long Offset,
    [property: JsonPropertyName("m")] string? Multipart,
    [property: JsonPropertyName("w")] string? Whole,
    [property: JsonPropertyName("p")] string ETags,
    [property: JsonPropertyName("t")] string? Tail,
    [property: JsonPropertyName("b")] long TailBytes,
    [property: JsonPropertyName("s")] string? Stale,
    [property: JsonPropertyName("h")] string? Hash)
{
    private const int Md5HexLength = 32;

    /// <summary>An upload that has not begun.</summary>
    public static ObjectUploadState Empty { get; } = new(0, null, null, "", null, 0, null, null);

    /// <exception cref="UploadLostException">The text is no state.</exception>
    public static ObjectUploadState Parse(string? text)
    {
        if (text is null) return Empty;
        try
        {
            return JsonSerializer.Deserialize(text, ObjectUploadJson.Default.ObjectUploadState) ?? Empty;
        }
        catch (JsonException e)
        {
            throw new UploadLostException($"the upload's state can't be read: {e.Message}");
        }
    }

    /// <summary>The objects that the upload may have.</summary>
    public IEnumerable<string> Keys => new[] { Whole, Tail, Stale }.OfType<string>();

    /// <summary>A new key for an upload's bytes: nothing that another request does late can replace them.</summary>
    public static string NewKey(UploadId id, string kind) => $"uploads/{id}/{kind}-{UploadId.New()}";

    public string Write() => JsonSerializer.Serialize(this, ObjectUploadJson.Default.ObjectUploadState);

    /// <summary>Most stores' tags are 16 bytes in hexadecimal: 22 characters of base64 hold them.</summary>
    public static string Pack(IEnumerable<string> etags) => string.Join(',', etags.Select(Pack));

    public List<string> UnpackETags() => ETags.Length == 0 ? [] : [.. ETags.Split(',').Select(Unpack)];

    private static string Pack(string etag)
    {
        var bare = etag.Trim('"');
        return bare.Length == Md5HexLength && bare.All(char.IsAsciiHexDigitLower)
            ? Base64Url.EncodeToString(Convert.FromHexString(bare))
            : "." + Uri.EscapeDataString(bare);
    }

    private static string Unpack(string packed) => packed.StartsWith('.')
        ? $"\"{Uri.UnescapeDataString(packed[1..])}\""
        : $"\"{Convert.ToHexStringLower(Base64Url.DecodeFromChars(packed))}\"";
}

/// <summary>Keeps reflection out of reading and writing states.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(ObjectUploadState))]
internal sealed partial class ObjectUploadJson : JsonSerializerContext;
