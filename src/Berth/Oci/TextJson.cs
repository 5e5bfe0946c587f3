using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Oci;

/// <summary>Strings as JSON, without reflection, which ahead-of-time compilation does not support.</summary>
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(IEnumerable<string>))]
internal sealed partial class TextJson : JsonSerializerContext
{
    /// <summary>Quoted and escaped.</summary>
    public static string Quote(string text) => JsonSerializer.Serialize(text, Default.String);

    /// <summary>An array.</summary>
    public static string Write(IEnumerable<string> texts) =>
        JsonSerializer.Serialize(texts, Default.IEnumerableString);
}
