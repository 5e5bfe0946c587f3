using System.Text.Json;

namespace Berth.Oci;

/// <summary>
/// What an image was built from, as a provenance says (SLSA v0.2 and v1; bare, in a statement of in-toto, or in an
/// envelope as cosign and Sigstore have it). Nobody has verified it.
/// </summary>
/// <param name="Source">The repository of the source.</param>
/// <param name="Revision">The commit.</param>
/// <param name="Builder">What built it.</param>
internal sealed record ProvenanceSummary(string? Source, string? Revision, string? Builder)
{
    private const int MaxMaterials = 1000;
    private const string BuildKitMetadata = "https://mobyproject.org/buildkit@v1#metadata";

    /// <summary>Null if it is none that is known, or tells nothing.</summary>
    public static ProvenanceSummary? Read(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (PayloadOf(document.RootElement) is not { } payload) return Find(document.RootElement);
            using var statement = JsonDocument.Parse(payload);
            return Find(statement.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or text in it that is not valid Unicode.
            return null;
        }
    }

    /// <summary>What is signed: in an envelope, or in a bundle that has one.</summary>
    private static byte[]? PayloadOf(JsonElement root)
    {
        var payload = JsonFacts.Field(root, "payload") ?? JsonFacts.Field(root, "dsseEnvelope", "payload");
        return payload is { ValueKind: JsonValueKind.String } text && text.TryGetBytesFromBase64(out var bytes)
            ? bytes : null;
    }

    private static ProvenanceSummary? Find(JsonElement root)
    {
        var said = JsonFacts.Field(root, "predicate") ?? root;
        var material = MaterialOf(said);
        var found = new ProvenanceSummary(
            SourceOf(
                JsonFacts.Text(said, "invocation", "configSource", "uri")
                ?? JsonFacts.Text(said, "buildDefinition", "externalParameters", "configSource", "uri")
                ?? JsonFacts.Text(said, "buildDefinition", "externalParameters", "workflow", "repository")
                ?? Vcs(said, "source") ?? material?.Source),
            Vcs(said, "revision") ?? Commit(JsonFacts.Field(said, "invocation", "configSource"))
                ?? Commit(JsonFacts.Field(said, "buildDefinition", "externalParameters", "configSource"))
                ?? material?.Revision,
            JsonFacts.Text(said, "builder", "id") ?? JsonFacts.Text(said, "runDetails", "builder", "id"));
        return found == new ProvenanceSummary(null, null, null) ? null : found;
    }

    /// <summary>What BuildKit was told by buildx about the folder that it builds.</summary>
    private static string? Vcs(JsonElement said, string field) =>
        JsonFacts.Text(said, "metadata", BuildKitMetadata, "vcs", field)
        ?? JsonFacts.Text(said, "runDetails", "metadata", "buildkit_metadata", "vcs", field)
        ?? JsonFacts.Text(said, "invocation", "parameters", "args", "vcs:" + field)
        ?? JsonFacts.Text(said, "buildDefinition", "externalParameters", "request", "args", "vcs:" + field);

    /// <summary>The first of what it was built from that is a commit, and not another image.</summary>
    private static (string? Source, string? Revision)? MaterialOf(JsonElement said)
    {
        var materials = JsonFacts.Field(said, "buildDefinition", "resolvedDependencies")
            ?? JsonFacts.Field(said, "materials");
        if (materials is not { ValueKind: JsonValueKind.Array } list) return null;
        foreach (var one in list.EnumerateArray().Take(MaxMaterials))
        {
            if (Commit(one) is { } commit && JsonFacts.Text(one, "uri") is { } source) return (source, commit);
        }

        return null;
    }

    private static string? Commit(JsonElement? one) => one is not { } found ? null
        : JsonFacts.Text(found, "digest", "gitCommit") ?? JsonFacts.Text(found, "digest", "sha1");

    /// <summary>Without how git is told to get it, and which branch of it.</summary>
    private static string? SourceOf(string? address)
    {
        if (string.IsNullOrEmpty(address)) return null;
        if (address.StartsWith("git+", StringComparison.Ordinal)) address = address[4..];
        address = address.Split('#')[0];
        var path = address.IndexOf("://", StringComparison.Ordinal) is >= 0 and var scheme
            ? address.IndexOf('/', scheme + 3) : -1;
        var at = path < 0 ? -1 : address.IndexOf('@', path);
        return at < 0 ? address : address[..at];
    }
}
