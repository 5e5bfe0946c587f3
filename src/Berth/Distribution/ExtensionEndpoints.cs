using System.Text.Json;
using Berth.Metadata;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// What this registry answers beyond the specification, where clients look for it: the list of its extensions
/// (distribution-spec, "Extensions"), and the one that there is, a list of tags that says when they were pushed.
/// </summary>
internal sealed class ExtensionEndpoints(
    Database database, RepositoryTable repositories, Locations locations, LargeAnswers answers, LimitSettings limits)
{
    private const string SpecificationAddress =
        "https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md";

    private const string Documentation = "docs/api.md";

    private const int MaxTags = 1000;

    public Task<RegistryError?> DiscoverAsync(V2Request request) =>
        SendAsync(request, json => WriteExtensions(json, null));

    /// <summary>The same for a repository that is there.</summary>
    public async Task<RegistryError?> DiscoverInAsync(V2Request request) =>
        await repositories.FindAsync(request.Repository, request.Aborted) is { } id
        && await repositories.HasContentAsync(id, request.Aborted)
            ? await SendAsync(request, json => WriteExtensions(json, request.Target.Shown.Text))
            : RegistryError.NameUnknown(request.Repository);

    /// <summary>A page of tags in the order of their names, with what they point to.</summary>
    public async Task<RegistryError?> TagsAsync(V2Request request)
    {
        // Each takes more reading than a name alone.
        var most = Math.Min(limits.PageEntries, MaxTags);
        if (ListEndpoints.ReadPage(request, most, Math.Min(limits.DefaultPageEntries, most), out var page) is { } fault)
            return fault;
        var count = page.Count;
        if (await repositories.FindAsync(request.Repository, request.Aborted) is not { } id) return Unknown();
        var tags = count == 0 ? [] : await database.ReadAsync(
            session => TagTable.ListRowsAsync(
                session, id, new TagQuery(After: new TagCursor(0, page.Last)), count + 1),
            request.Aborted);
        if (tags.Count == 0 && !await repositories.HasContentAsync(id, request.Aborted)) return Unknown();
        if (tags.Count > count)
        {
            tags.RemoveAt(count);
            var next = $"/v2/{request.Target.Shown}/_berth/tags/detail?n={count}&last={tags[^1].Name}";
            request.Response.Headers.Link = $"<{locations.Of(request.Http, next)}>; rel=\"next\"";
        }

        return await SendAsync(request, json => WriteTags(json, request.Target.Shown.Text, tags));

        RegistryError Unknown() => RegistryError.NameUnknown(request.Repository);
    }

    private static void WriteExtensions(Utf8JsonWriter json, string? repository)
    {
        var root = repository is null ? "/v2/" : $"/v2/{repository}/";
        json.WriteStartObject();
        json.WriteStartArray("extensions");
        Write("_oci", "what the registry answers beyond the specification", SpecificationAddress,
            root + "_oci/ext/discover");
        Write("_berth", "tags with their digests, sizes, platforms and times", Documentation,
            $"/v2/{repository ?? "<name>"}/_berth/tags/detail");
        json.WriteEndArray();
        json.WriteEndObject();

        void Write(string name, string description, string address, string endpoint)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("description", description);
            json.WriteString("url", address);
            json.WriteStartArray("endpoints");
            json.WriteStringValue(endpoint);
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    private static void WriteTags(Utf8JsonWriter json, string name, List<TagRow> tags)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteStartArray("tags");
        foreach (var tag in tags)
        {
            json.WriteStartObject();
            json.WriteString("name", tag.Name);
            json.WriteString("digest", tag.Digest);
            json.WriteString("mediaType", tag.MediaType);
            if (tag.ArtifactType is { } type) json.WriteString("artifactType", type);
            WriteTime(json, "movedAt", tag.MovedAt);
            WriteTime(json, "pushedAt", tag.PushedAt);
            if (tag.PulledAt is { } pulled) WriteTime(json, "pulledAt", pulled);
            if (tag.BuiltAt is { } built) WriteTime(json, "builtAt", built);
            if (tag.ExpiresAt is { } end) WriteTime(json, "expiresAt", end);
            if (tag.ContentBytes is { } bytes) json.WriteNumber("contentBytes", bytes);
            if (tag.Platforms is { } platforms)
            {
                json.WriteStartArray("platforms");
                foreach (var platform in platforms) json.WriteStringValue(platform);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>As clients parse it everywhere (RFC 3339, in UTC).</summary>
    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset time) =>
        json.WriteString(name, time.UtcDateTime);

    private Task<RegistryError?> SendAsync(V2Request request, Action<Utf8JsonWriter> write) =>
        answers.SendAsync(request, "application/json", ListEndpoints.Build(write));
}
