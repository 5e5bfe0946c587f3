using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Oci;

/// <summary>Texts as JSON, without the reflection that a program compiled ahead of time has not.</summary>
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(IEnumerable<string>))]
internal sealed partial class TextJson : JsonSerializerContext
{
    /// <summary>In quotes, and escaped.</summary>
    public static string Quote(string text) => JsonSerializer.Serialize(text, Default.String);

    /// <summary>An array.</summary>
    public static string Write(IEnumerable<string> texts) =>
        JsonSerializer.Serialize(texts, Default.IEnumerableString);
}
