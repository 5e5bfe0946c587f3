using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Metadata;

namespace Berth.Journal;

/// <summary>
/// A line of the journal: one of these. Later lines about the same thing replace earlier ones. What it says must be
/// understood by all later versions.
/// </summary>
internal sealed record JournalLine
{
    /// <summary>A manifest that is there.</summary>
    public JournaledManifest? Manifest { get; init; }

    /// <summary>A manifest or a tag that is not there any more.</summary>
    public GoneLine? Gone { get; init; }

    /// <summary>A tag that is there.</summary>
    public JournaledTag? Tag { get; init; }

    /// <summary>A move of a tag.</summary>
    public JournaledMove? Move { get; init; }

    /// <summary>The last line of a file: how many come before it.</summary>
    public long? Lines { get; init; }
}

/// <summary>What is not there any more.</summary>
/// <param name="Repository">Where it was.</param>
/// <param name="Digest">The manifest; null if it is something else.</param>
/// <param name="Tag">The tag; null if it is something else.</param>
/// <param name="Move">The id of a move, whose history was removed; null if it is something else.</param>
internal sealed record GoneLine(string Repository, string? Digest, string? Tag, long? Move = null);

/// <summary>The lines as JSON, with code generated for it.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class JournalJson : JsonSerializerContext;
