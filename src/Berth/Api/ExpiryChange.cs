using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>
/// A change of when something ends. What is missing leaves it as it is, and null takes the end away: other types can't
/// tell the two apart.
/// </summary>
/// <param name="IsGiven">Whether there was anything.</param>
/// <param name="At">The new end; null: never.</param>
[JsonConverter(typeof(ExpiryChangeJson))]
internal readonly record struct ExpiryChange(bool IsGiven, DateTimeOffset? At)
{
    /// <summary>What is wrong with it; null if nothing is.</summary>
    public ApiError? FindFault(DateTimeOffset now) =>
        At <= now ? ApiError.Invalid("expiresAt is in the past").At("expiresAt") : null;

    /// <summary>The end after the change.</summary>
    public DateTimeOffset? From(DateTimeOffset? present) => IsGiven ? At?.ToUniversalTime() : present;
}

/// <summary>Reads a time or null.</summary>
internal sealed class ExpiryChangeJson : JsonConverter<ExpiryChange>
{
    public override bool HandleNull => true;

    public override ExpiryChange Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null) return new ExpiryChange(true, null);
        return reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out var time)
            ? new ExpiryChange(true, time)
            : throw new JsonException();
    }

    public override void Write(Utf8JsonWriter writer, ExpiryChange value, JsonSerializerOptions options)
    {
        if (value.At is { } time) writer.WriteStringValue(time);
        else writer.WriteNullValue();
    }
}
