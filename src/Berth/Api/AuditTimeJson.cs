using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Audit;

namespace Berth.Api;

/// <summary>Writes the time of an audit entry as the file and syslog have it, so that they can be compared.</summary>
internal sealed class AuditTimeJson : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(AuditJson.TextOf(value));
}
