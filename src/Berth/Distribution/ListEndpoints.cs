using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Distribution;

/// <summary>
/// The lists: tags, repositories and referrers, each a page over an index (distribution-spec, end-8, end-12).
/// </summary>
internal sealed class ListEndpoints(
    Database database, RepositoryTable repositories, ManifestTable manifests, Locations locations,
    LargeAnswers answers, AccessRules access, CatalogSettings catalog, LimitSettings limits) : IDisposable
{
    /// <summary>
    /// The annotations of a page of referrers, in characters, unless a single one has more: the next page has the rest.
    /// </summary>
    private const int ReferrerPageLength = 256 * 1024;

    /// <summary>What building a page of referrers may take, in bytes: one whose annotations fill a manifest.</summary>
    private const long LargestPageBytes = 128 << 20;

    /// <summary>How many names of a whole list are read at a time.</summary>
    private const int ChunkEntries = 1000;

    private readonly SemaphoreSlim buildingPages = new((int)Math.Clamp(
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / LargestPageBytes, 1, 8L * Environment.ProcessorCount));

    public static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task<RegistryError?> TagsAsync(V2Request request)
    {
        if (ReadPage(request, limits.PageEntries, limits.ListEntries, out var page) is { } error) return error;
        if (await repositories.FindAsync(request.Repository, request.Aborted) is not { } id) return Unknown();
        var tags = new NameList("tags", (last, count, skip) =>
            database.ReadAsync(s => TagTable.ListAsync(s, id, last, count, skip), request.Aborted));
        var first = await tags.ReadFirstAsync(page);
        if (first.Count == 0 && !await repositories.HasContentAsync(id, request.Aborted)) return Unknown();
        return await AnswerAsync(request, page, tags, first);

        RegistryError Unknown() => RegistryError.NameUnknown(request.Repository);
    }

    public async Task<RegistryError?> CatalogAsync(V2Request request)
    {
        if (ReadPage(request, catalog.MaxEntries, catalog.ListEntries, out var page) is { } error) return error;
        var visible = await access.VisibleAsync(request.Caller, request.Aborted);
        var names = new NameList("repositories", visible is null
            ? (last, count, skip) => repositories.ListAsync(last, count, skip, request.Aborted)
            : new VisibleCatalog(database, visible, request.Aborted).ReadAsync);
        return await AnswerAsync(request, page, names, await names.ReadFirstAsync(page));
    }

    public async Task<RegistryError?> ReferrersAsync(V2Request request)
    {
        var usual = Math.Min(limits.PageEntries, limits.DefaultPageEntries);
        if (ReadPage(request, limits.PageEntries, usual, out var page) is { } error) return error;
        ReadOnlyMemory<byte> index;
        await buildingPages.WaitAsync(request.Aborted);
        try
        {
            index = await BuildReferrersAsync(request, page);
        }
        finally
        {
            buildingPages.Release();
        }

        return await answers.SendAsync(request, MediaTypes.OciIndex, index);
    }

    public void Dispose() => buildingPages.Dispose();

    /// <summary>A page of referrers, which is all that is left of them in memory.</summary>
    private async Task<ReadOnlyMemory<byte>> BuildReferrersAsync(V2Request request, Page page)
    {
        var type = TypeOf(request);
        var found = page.Count == 0 || type?.Contains('\0') == true
            ? []
            : await manifests.ReferrersAsync(
                request.Repository, request.Target.Digest, type, page.Last, page.Count + 1, ReferrerPageLength,
                request.Aborted);
        if (found.Count > 1 && found.Sum(r => (long)r.Length) > ReferrerPageLength)
        {
            // Annotations may be as long as a manifest: the page ends before the one that makes it too long.
            page = page with { Count = Math.Min(page.Count, found.Count - 1) };
        }

        if (found.Count > page.Count)
        {
            found.RemoveAt(found.Count - 1);
            LinkNext(request, page.Count, found[^1].Digest.Text);
        }

        if (type is not null) request.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        return Build(json => WriteIndex(json, found), found.Sum(r => 512 + r.Length));
    }

    /// <summary>Reads which page of a list is asked for.</summary>
    /// <param name="request">The request, whose n and last are read.</param>
    /// <param name="maxEntries">The largest n.</param>
    /// <param name="wholeEntries">The most entries without n.</param>
    /// <param name="page">The requested page.</param>
    public static RegistryError? ReadPage(V2Request request, int maxEntries, int wholeEntries, out Page page)
    {
        // No name contains a NUL, so anything after one makes no difference; PostgreSQL rejects them.
        var last = (request.Query("last") ?? "").Split('\0')[0];
        page = new Page(last, Math.Min(ChunkEntries, wholeEntries), wholeEntries);
        if (request.Query("n") is not { Length: > 0 } text) return null;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return RegistryError.PageSizeInvalid(text);
        }

        page = page with { Count = (int)Math.Min(count, maxEntries), WholeEntries = null };
        return null;
    }

    /// <summary>
    /// Sends a page or, without n, the whole list: many clients never follow a Link. The list is read and sent in
    /// chunks, so that memory does not grow with it.
    /// </summary>
    private async Task<RegistryError?> AnswerAsync(V2Request request, Page page, NameList list, List<string> first)
    {
        var hasMore = first.Count > page.Count;
        if (hasMore) first.RemoveAt(first.Count - 1);
        string? end = null;
        if (hasMore && page.WholeEntries > page.Count)
        {
            // The last entry to send, and the next one if there is any: the Link header goes out first.
            var around = await list.ReadAsync(page.Last, 2, page.WholeEntries.Value - 1);
            if (around.Count == 2) LinkNext(request, n: null, end = around[0]);
            await StreamAsync(request, list, first, end);
            return null;
        }

        if (hasMore) LinkNext(request, page.WholeEntries is null ? page.Count : null, first[^1]);
        return await answers.SendAsync(request, "application/json", Build(json =>
        {
            WriteHead(request, list, json);
            foreach (var name in first) json.WriteStringValue(name);
            json.WriteEndArray();
            json.WriteEndObject();
        }));
    }

    /// <param name="request">The request to answer.</param>
    /// <param name="list">What is listed.</param>
    /// <param name="names">The first names, already read.</param>
    /// <param name="end">The last name to send; null for all.</param>
    private static async Task StreamAsync(V2Request request, NameList list, List<string> names, string? end)
    {
        var output = request.Response.BodyWriter;
        request.Response.ContentType = "application/json";
        using var json = new Utf8JsonWriter(output, Relaxed);
        WriteHead(request, list, json);
        while (names.Count > 0)
        {
            foreach (var name in names)
            {
                if (end is null || string.CompareOrdinal(name, end) <= 0) json.WriteStringValue(name);
            }

            json.Flush();
            var flushed = await output.FlushAsync(request.Aborted);
            if (flushed.IsCompleted) throw new OperationCanceledException("the client went away");
            if (end is not null && string.CompareOrdinal(names[^1], end) >= 0) break;
            names = await list.ReadAsync(names[^1], ChunkEntries, skip: 0);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        await output.FlushAsync(request.Aborted);
    }

    private static void WriteHead(V2Request request, NameList list, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (request.Target.Kind == V2Kind.Tags) json.WriteString("name", request.Target.Shown.Text);
        json.WriteStartArray(list.Field);
    }

    private void LinkNext(V2Request request, int? n, string last)
    {
        var query = $"?{(n is null ? "" : $"n={n}&")}last={Uri.EscapeDataString(last)}";
        if (TypeOf(request) is { } type) query += $"&artifactType={Uri.EscapeDataString(type)}";
        var next = locations.Of(request.Http, PathOf(request) + query);
        request.Response.Headers.Link = $"<{next}>; rel=\"next\"";
    }

    /// <summary>An unescaped plus is read as a space; no media type has spaces.</summary>
    private static string? TypeOf(V2Request request) =>
        request.Query("artifactType") is { Length: > 0 } type ? type.Replace(' ', '+') : null;

    private static string PathOf(V2Request request) => request.Target.Kind switch
    {
        V2Kind.Catalog => "/v2/_catalog",
        V2Kind.Tags => $"/v2/{request.Target.Shown}/tags/list",
        _ => $"/v2/{request.Target.Shown}/referrers/{request.Target.Digest}",
    };

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

    public static ReadOnlyMemory<byte> Build(Action<Utf8JsonWriter> write, int length = 0)
    {
        var buffer = new ArrayBufferWriter<byte>(4096 + length);
        using (var json = new Utf8JsonWriter(buffer, Relaxed)) write(json);
        return buffer.WrittenMemory;
    }

    /// <summary>The page that a request asks for.</summary>
    /// <param name="Last">Only names after this one.</param>
    /// <param name="Count">Entries to read first.</param>
    /// <param name="WholeEntries">The most entries to send if no n was given; null if one was.</param>
    public readonly record struct Page(string Last, int Count, int? WholeEntries);

    /// <summary>A list of names in ordinal order.</summary>
    /// <param name="Field">Its name in the answer.</param>
    /// <param name="ReadAsync">Reads up to a number of names after a name, skipping some first.</param>
    private sealed record NameList(string Field, NameReading ReadAsync)
    {
        /// <summary>One entry more than the page holds tells whether there are more.</summary>
        public ValueTask<List<string>> ReadFirstAsync(Page page) =>
            page.Count == 0 ? new([]) : ReadAsync(page.Last, page.Count + 1, skip: 0);
    }

    private delegate ValueTask<List<string>> NameReading(string last, int count, int skip);
}
