using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Oci;

namespace Berth.Blobs;

/// <summary>
/// What any node needs to resume an upload, as one line of text, which grows by some 23 characters per part.
/// </summary>
/// <param name="Offset">How many bytes were received.</param>
/// <param name="Multipart">The id of the multipart upload; null before the first part.</param>
/// <param name="Whole">The key of the multipart upload, which no other upload uses.</param>
/// <param name="ETags">The parts' ETags, in order, packed.</param>
/// <param name="Tail">The key of the object with the bytes after the last part; null if there are none.</param>
/// <param name="TailBytes">The length of the tail in bytes.</param>
/// <param name="Stale">The key of the previous tail, which can be deleted once this state is saved.</param>
/// <param name="Hash">The running hash; null if the content has to be read again at the end.</param>
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

    /// <summary>The state of a new upload.</summary>
    public static ObjectUploadState Empty { get; } = new(0, null, null, "", null, 0, null, null);

    /// <exception cref="UploadLostException">The text can't be parsed.</exception>
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

    /// <summary>The keys of objects that the upload may have written.</summary>
    public IEnumerable<string> Keys => new[] { Whole, Tail, Stale }.OfType<string>();

    /// <summary>A unique key for an upload's bytes, so that a stale request can't overwrite them.</summary>
    public static string NewKey(UploadId id, string kind) => $"uploads/{id}/{kind}-{UploadId.New()}";

    public string Write() => JsonSerializer.Serialize(this, ObjectUploadJson.Default.ObjectUploadState);

    /// <summary>Most stores' ETags are 16 bytes in hexadecimal, which take 22 characters in base64.</summary>
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

/// <summary>Reads and writes states without reflection.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(ObjectUploadState))]
internal sealed partial class ObjectUploadJson : JsonSerializerContext;
