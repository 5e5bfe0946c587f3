using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Metadata;

namespace Berth.Audit;

/// <summary>An entry as an object of JSON on one line: in the file, in syslog, over REST and in exports.</summary>
internal static class AuditJson
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ReadOnlyMemory<byte> Of(AuditEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Relaxed)) Write(json, entry);
        return buffer.WrittenMemory;
    }

    /// <summary>In UTC, to the millisecond.</summary>
    public static string TextOf(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>What is unknown is left out.</summary>
    public static void Write(Utf8JsonWriter json, AuditEntry entry)
    {
        json.WriteStartObject();
        if (entry.Id != 0) json.WriteNumber("id", entry.Id);
        json.WriteString("time", TextOf(entry.At));
        json.WriteString("action", entry.Action);
        json.WriteString("result", entry.Result);
        json.WriteString("actor", entry.Actor);
        json.WriteString("method", entry.Method);
        if (entry.SecretId is { } token) json.WriteNumber("token", token);
        WriteText("address", entry.Address);
        WriteText("agent", entry.Agent);
        WriteText("repository", entry.Repository);
        WriteText("target", entry.Target);
        WriteText("digest", entry.Digest);
        WriteText("detail", entry.Detail);
        WriteText("requestId", entry.RequestId);
        json.WriteEndObject();

        void WriteText(string name, string? text)
        {
            if (text is not null) json.WriteString(name, text);
        }
    }
}
