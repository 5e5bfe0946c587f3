using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// The lists: tags, repositories and referrers, each a page over an index (distribution-spec, end-8, end-12).
/// </summary>
internal sealed class ListEndpoints(
    Database database, RepositoryTable repositories, ManifestTable manifests, Locations locations,
    CatalogSettings catalog, LimitSettings limits)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task<RegistryError?> TagsAsync(V2Request request)
    {
        if (ReadPage(request, limits.PageEntries, out var page) is { } error) return error;
        if (await repositories.FindAsync(request.Repository) is not { } id) return Unknown();
        var tags = page.Count == 0
            ? []
            : await database.ReadAsync(s => TagTable.ListAsync(s, id, page.Last, page.Count + 1));
        if (tags.Count == 0 && !await repositories.HasContentAsync(id)) return Unknown();
        LinkNext(request, page, tags, tag => tag);
        await WriteNamesAsync(request, "tags", tags, json => json.WriteString("name", request.Repository.Text));
        return null;

        RegistryError Unknown() => RegistryError.NameUnknown(request.Repository);
    }

    public async Task<RegistryError?> CatalogAsync(V2Request request)
    {
        if (ReadPage(request, catalog.MaxEntries, out var page) is { } error) return error;
        var names = page.Count == 0 ? [] : await repositories.ListAsync(page.Last, page.Count + 1);
        LinkNext(request, page, names, name => name);
        await WriteNamesAsync(request, "repositories", names, _ => { });
        return null;
    }

    public async Task<RegistryError?> ReferrersAsync(V2Request request)
    {
        if (ReadPage(request, limits.PageEntries, out var page) is { } error) return error;
        if (string.IsNullOrEmpty(request.Query("n")))
        {
            page = page with { Count = Math.Min(page.Count, limits.DefaultPageEntries) };
        }

        var type = TypeOf(request);
        var found = page.Count == 0 || type?.Contains('\0') == true
            ? []
            : await manifests.ReferrersAsync(
                request.Repository, request.Target.Digest, type, page.Last, page.Count + 1, limits.ManifestBytes);
        if (found.Count > 1 && found.Sum(r => (long)r.Length) > limits.ManifestBytes)
        {
            // Annotations may be as long as a manifest: the page ends before it takes more than one.
            page = page with { Count = Math.Min(page.Count, found.Count - 1) };
        }

        LinkNext(request, page, found, referrer => referrer.Digest.Text);
        if (type is not null) request.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        await WriteAsync(request, MediaTypes.OciIndex, json => WriteIndex(json, found));
        return null;
    }

    /// <summary>
    /// Without n, tags and catalog give as much as one page may hold: clients that don't page expect all there is.
    /// </summary>
    private static RegistryError? ReadPage(V2Request request, int maxEntries, out Page page)
    {
        // No name has a zero in it, so what stands behind one makes no difference; PostgreSQL takes none.
        page = new Page((request.Query("last") ?? "").Split('\0')[0], maxEntries);
        if (request.Query("n") is not { Length: > 0 } text) return null;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return RegistryError.PageSizeInvalid(text);
        }

        page = page with { Count = (int)Math.Min(count, maxEntries) };
        return null;
    }

    /// <summary>One entry more than the page was asked for: it goes, and says that there is a next page.</summary>
    private void LinkNext<T>(V2Request request, Page page, List<T> entries, Func<T, string> nameOf)
    {
        if (entries.Count <= page.Count) return;
        entries.RemoveAt(entries.Count - 1);
        var query = $"?n={page.Count}&last={Uri.EscapeDataString(nameOf(entries[^1]))}";
        if (TypeOf(request) is { } type) query += $"&artifactType={Uri.EscapeDataString(type)}";
        var next = locations.Of(request.Http, PathOf(request) + query);
        request.Response.Headers.Link = $"<{next}>; rel=\"next\"";
    }

    /// <summary>A plus that the client did not escape reads as a space; no media type has spaces.</summary>
    private static string? TypeOf(V2Request request) =>
        request.Query("artifactType") is { Length: > 0 } type ? type.Replace(' ', '+') : null;

    private static string PathOf(V2Request request) => request.Target.Kind switch
    {
        V2Kind.Catalog => "/v2/_catalog",
        V2Kind.Tags => $"/v2/{request.Repository}/tags/list",
        _ => $"/v2/{request.Repository}/referrers/{request.Target.Digest}",
    };

    private static Task WriteNamesAsync(
        V2Request request, string field, List<string> names, Action<Utf8JsonWriter> writeHead) => WriteAsync(
        request, "application/json", json =>
        {
            json.WriteStartObject();
            writeHead(json);
            json.WriteStartArray(field);
            foreach (var name in names) json.WriteStringValue(name);
            json.WriteEndArray();
            json.WriteEndObject();
        });

    private static void WriteIndex(Utf8JsonWriter json, List<Referrer> referrers)
    {
        json.WriteStartObject();
        json.WriteNumber("schemaVersion", 2);
        json.WriteString("mediaType", MediaTypes.OciIndex);
        json.WriteStartArray("manifests");
        foreach (var referrer in referrers)
        {
            json.WriteStartObject();
            json.WriteString("mediaType", referrer.MediaType);
            json.WriteString("digest", referrer.Digest.Text);
            json.WriteNumber("size", referrer.SizeBytes);
            if (!string.IsNullOrEmpty(referrer.ArtifactType)) json.WriteString("artifactType", referrer.ArtifactType);
            if (referrer.AnnotationsJson is { } annotations)
            {
                json.WritePropertyName("annotations");
                json.WriteRawValue(annotations);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static async Task WriteAsync(V2Request request, string contentType, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, Relaxed)) write(json);
        request.Response.ContentType = contentType;
        request.Response.ContentLength = buffer.WrittenCount;
        await request.Response.BodyWriter.WriteAsync(buffer.WrittenMemory, request.Aborted);
    }

    private readonly record struct Page(string Last, int Count);
}
