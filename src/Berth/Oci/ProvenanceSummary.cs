using System.Globalization;
using System.Text.Json;

namespace Berth.Oci;

/// <summary>Something that went into a build.</summary>
/// <param name="Uri">Where it is from.</param>
/// <param name="Digest">Which state of it, as algorithm:hex; null if nobody says.</param>
internal sealed record BuildMaterial(string Uri, string? Digest);

/// <summary>
/// Who built an image, from what and when, as a provenance says (slsa.dev, v0.2 and v1). What it does not say is null.
/// </summary>
internal sealed record ProvenanceSummary
{
    private const int MaxShown = 50;
    private const int MaxMaterials = 1000;
    private const string BuildKitMetadata = "https://mobyproject.org/buildkit@v1#metadata";

    /// <summary>The repository of the source.</summary>
    public string? Source { get; private init; }

    /// <summary>The commit.</summary>
    public string? Revision { get; private init; }

    /// <summary>The branch or tag that was asked for.</summary>
    public string? Ref { get; private init; }

    /// <summary>The file that says how to build: a Dockerfile, or a workflow.</summary>
    public string? File { get; private init; }

    /// <summary>What built it.</summary>
    public string? Builder { get; private init; }

    /// <summary>The run of that.</summary>
    public string? Run { get; private init; }

    public DateTimeOffset? StartedAt { get; private init; }

    public DateTimeOffset? FinishedAt { get; private init; }

    /// <summary>What went into it, at most 50.</summary>
    public IReadOnlyList<BuildMaterial> Materials { get; private init; } = [];

    /// <summary>How many there are, up to 1,000.</summary>
    public int MaterialCount { get; private init; }

    private bool IsEmpty => (Source ?? Revision ?? Builder ?? Run) is null && StartedAt is null && MaterialCount == 0;

    /// <summary>Null if it is none that is known, or tells nothing.</summary>
    public static ProvenanceSummary? Read(ReadOnlyMemory<byte> json) => StatementJson.Read(json, Find);

    private static ProvenanceSummary? Find(JsonElement root)
    {
        var said = JsonFacts.Field(root, "predicate") ?? root;
        var materials = MaterialsOf(said);
        var main = MainOf(materials);
        var asked = JsonFacts.Field(said, "buildDefinition", "externalParameters") ?? said;
        var config = JsonFacts.Field(said, "invocation", "configSource") ?? JsonFacts.Field(asked, "configSource");
        var address = Text(config, "uri") ?? JsonFacts.Text(asked, "workflow", "repository")
            ?? Vcs(said, "source") ?? Text(main, "uri");
        var (source, reference) = SplitRef(address);
        var found = new ProvenanceSummary
        {
            Source = source,
            Revision = Vcs(said, "revision") ?? CommitOf(config) ?? CommitOf(main),
            Ref = reference ?? JsonFacts.Text(asked, "workflow", "ref"),
            File = Text(config, "entryPoint") ?? Text(config, "path") ?? JsonFacts.Text(asked, "workflow", "path"),
            Builder = JsonFacts.Text(said, "builder", "id") ?? JsonFacts.Text(said, "runDetails", "builder", "id"),
            Run = JsonFacts.Text(said, "metadata", "buildInvocationId")
                ?? JsonFacts.Text(said, "metadata", "buildInvocationID")
                ?? JsonFacts.Text(said, "runDetails", "metadata", "invocationId")
                ?? JsonFacts.Text(said, "runDetails", "metadata", "invocationID"),
            StartedAt = Time(said, "metadata", "buildStartedOn") ?? Time(said, "runDetails", "metadata", "startedOn"),
            FinishedAt = Time(said, "metadata", "buildFinishedOn")
                ?? Time(said, "runDetails", "metadata", "finishedOn"),
            Materials = [.. materials.Take(MaxShown).Select(MaterialOf)],
            MaterialCount = materials.Count,
        };
        return found.IsEmpty ? null : found;
    }

    /// <summary>What BuildKit was told by buildx about the folder that it builds.</summary>
    private static string? Vcs(JsonElement said, string field) =>
        JsonFacts.Text(said, "metadata", BuildKitMetadata, "vcs", field)
        ?? JsonFacts.Text(said, "runDetails", "metadata", "buildkit_metadata", "vcs", field)
        ?? JsonFacts.Text(said, "invocation", "parameters", "args", "vcs:" + field)
        ?? JsonFacts.Text(said, "buildDefinition", "externalParameters", "request", "args", "vcs:" + field);

    private static List<JsonElement> MaterialsOf(JsonElement said)
    {
        var materials = JsonFacts.Field(said, "buildDefinition", "resolvedDependencies")
            ?? JsonFacts.Field(said, "materials");
        return materials is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Take(MaxMaterials).Where(one => JsonFacts.Text(one, "uri") is not null)] : [];
    }

    /// <summary>The first of what it was built from that is a commit, and not another image.</summary>
    private static JsonElement? MainOf(List<JsonElement> materials)
    {
        foreach (var one in materials)
        {
            if (CommitOf(one) is not null) return one;
        }

        return null;
    }

    private static BuildMaterial MaterialOf(JsonElement material)
    {
        var digests = JsonFacts.Field(material, "digest");
        var digest = digests is { ValueKind: JsonValueKind.Object } all
            ? all.EnumerateObject().Where(one => one.Value.ValueKind == JsonValueKind.String)
                .Select(one => $"{one.Name}:{JsonFacts.Text(all, one.Name)}").FirstOrDefault()
            : null;
        return new BuildMaterial(JsonFacts.Text(material, "uri")!, digest);
    }

    private static string? CommitOf(JsonElement? one) =>
        Text(one, "digest", "gitCommit") ?? Text(one, "digest", "sha1");

    private static string? Text(JsonElement? parent, params ReadOnlySpan<string> path) =>
        parent is { } found ? JsonFacts.Text(found, path) : null;

    private static DateTimeOffset? Time(JsonElement parent, params ReadOnlySpan<string> path) =>
        DateTimeOffset.TryParse(
            JsonFacts.Text(parent, path), CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    /// <summary>An address without how git is told to get it, and which branch of it.</summary>
    private static (string? Source, string? Ref) SplitRef(string? address)
    {
        if (string.IsNullOrEmpty(address)) return (null, null);
        if (address.StartsWith("git+", StringComparison.Ordinal)) address = address[4..];
        var path = address.IndexOf("://", StringComparison.Ordinal) is >= 0 and var scheme
            ? address.IndexOf('/', scheme + 3) : -1;
        var end = address.IndexOf('#', StringComparison.Ordinal);
        var at = path < 0 ? -1 : address.IndexOf('@', path);
        if (at >= 0 && (end < 0 || at < end)) end = at;
        if (end < 0) return (address, null);

        // After a branch, docker has the folder.
        var reference = address[(end + 1)..].Split(':')[0];
        return (address[..end], reference.Length == 0 ? null : reference);
    }
}
