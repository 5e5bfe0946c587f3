using System.Net;
using System.Text.Json;
using Berth.Oci;

namespace Berth.Import;

/// <summary>
/// A registry of any kind that images are copied from, over the distribution API. What it says is checked where that is
/// possible, and what it sends has a limit.
/// </summary>
internal sealed class SourceRegistry(SourceClient client, long maxManifestBytes)
{
    private const int PageEntries = 1000;
    private const int MaxPages = 100_000;
    private const int MaxPageBytes = 16 << 20;
    private const int MaxReferrers = 10_000;
    private const int MaxReads = 3;

    /// <summary>More names than any registry has.</summary>
    private const int MaxNames = 1_000_000;

    private volatile bool lacksReferrers;

    public string Host => client.Host;

    /// <summary>All repositories.</summary>
    /// <exception cref="SourceException">It does not list them, or endlessly.</exception>
    public async Task<List<string>> RepositoriesAsync(CancellationToken cancellation)
    {
        try
        {
            return await ListAsync("_catalog", repository: null, "repositories", cancellation) ?? throw NoList(null);
        }
        catch (SourceException e) when (e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented or HttpStatusCode.BadRequest)
        {
            throw NoList(e);
        }
    }

    /// <summary>All tags of a repository; null if there is no such repository.</summary>
    public Task<List<string>?> TagsAsync(string repository, CancellationToken cancellation) =>
        ListAsync($"{repository}/tags/list", repository, "tags", cancellation);

    /// <summary>Where a tag is, for which registries count no pull; null if it does not say.</summary>
    public async Task<Digest?> FindDigestAsync(string repository, Tag tag, CancellationToken cancellation)
    {
        using var answer = await client.SendAsync(
            HttpMethod.Head, $"{repository}/manifests/{tag}", repository, 0, cancellation);
        return answer.IsSuccessStatusCode && answer.Headers.TryGetValues("Docker-Content-Digest", out var values)
            && Digest.TryParse(values.First(), out var digest) ? digest : null;
    }

    /// <summary>A manifest; null if there is none.</summary>
    /// <exception cref="SourceException">It is not what its digest says, or too large.</exception>
    public Task<FoundManifest?> FindAsync(
        string repository, Reference reference, CancellationToken cancellation) =>
        RepeatAsync(() => FindOnceAsync(repository, reference, cancellation), cancellation);

    public Task<SourceBlob?> OpenAsync(
        string repository, Digest digest, long sizeBytes, CancellationToken cancellation) =>
        SourceBlob.OpenAsync(client, repository, digest, sizeBytes, cancellation);

    /// <summary>The manifests that say they refer to one.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="subject">What they refer to.</param>
    /// <param name="hasFallback">Whether it has the tag in which clients list them where the API is missing.</param>
    /// <param name="cancellation">Cancels.</param>
    public async Task<List<Digest>> ReferrersAsync(
        string repository, Digest subject, bool hasFallback, CancellationToken cancellation)
    {
        var all = new List<string>();
        if (!lacksReferrers)
        {
            var path = $"{repository}/referrers/{subject}";
            var listed = await RepeatAsync(
                () => PagesAsync(path, repository, "manifests", MaxReferrers, cancellation), cancellation);
            if (listed is not null) all = listed;
            else lacksReferrers = true;
        }

        if (lacksReferrers && hasFallback)
        {
            var tag = Tag.Parse(subject.Text.Replace(':', '-'));
            if (await FindAsync(repository, new Reference(tag), cancellation) is { } list)
                all = ReadEntries(list.Body, "manifests", MaxReferrers);
        }

        return [.. all.Where(text => Digest.TryParse(text, out _)).Select(Digest.Parse).Distinct()];
    }

    private async Task<FoundManifest?> FindOnceAsync(
        string repository, Reference reference, CancellationToken cancellation)
    {
        using var answer = await client.SendAsync(
            HttpMethod.Get, $"{repository}/manifests/{reference}", repository, 0, cancellation);
        if (answer.StatusCode == HttpStatusCode.NotFound) return null;
        if (!answer.IsSuccessStatusCode) throw await client.ExplainAsync(answer, cancellation);
        var body = await ReadAsync(
            answer, maxManifestBytes, $"the manifest {reference} of {repository} at {Host}", cancellation);
        var said = answer.Headers.TryGetValues("Docker-Content-Digest", out var values)
            && Digest.TryParse(values.First(), out var read) ? read : (Digest?)null;
        var digest = reference.Digest ?? said ?? Digest.Of(DigestAlgorithm.Sha256, body);
        return Digest.Of(digest.Algorithm, body) == digest
            ? new FoundManifest(digest, answer.Content.Headers.ContentType?.MediaType ?? "", body)
            : throw new SourceException($"the manifest of {repository} at {Host} is not what its digest {digest} says");
    }

    private Task<List<string>?> ListAsync(
        string path, string? repository, string field, CancellationToken cancellation) => RepeatAsync(
        () => PagesAsync($"{path}?n={PageEntries}", repository, field, MaxNames, cancellation), cancellation);

    /// <summary>Reads a list, page by page; null if there is no such list.</summary>
    private async Task<List<string>?> PagesAsync(
        string path, string? repository, string field, int most, CancellationToken cancellation)
    {
        var (all, asked) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string> { path });
        for (var next = path; ;)
        {
            using var answer = await client.SendAsync(HttpMethod.Get, next, repository, 0, cancellation);
            if (answer.StatusCode == HttpStatusCode.NotFound || (field == "manifests" && IsUnknownTo(answer)))
                return null;
            if (!answer.IsSuccessStatusCode) throw await client.ExplainAsync(answer, cancellation);
            var body = await ReadAsync(answer, MaxPageBytes, $"a list of {Host}", cancellation);
            all.UnionWith(ReadEntries(body, field, most));
            if (all.Count > most) throw TooMany(field, most);
            if (NextOf(answer, next) is not { } following) return [.. all];
            if (!asked.Add(following) || asked.Count > MaxPages)
                throw new SourceException($"{Host} lists its {field} endlessly: the same page comes again ({path})");
            next = following;
        }
    }

    /// <summary>Registries without referrers answer all sorts of things.</summary>
    private static bool IsUnknownTo(HttpResponseMessage answer) => answer.StatusCode is HttpStatusCode.BadRequest
        or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented;

    /// <summary>The entries of a list: names, or the digests of descriptors.</summary>
    private List<string> ReadEntries(byte[] body, string field, int most)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (!json.RootElement.TryGetProperty(field, out var entries))
                throw new SourceException($"{Host} answers JSON without {field}: is it a registry?");
            if (entries.ValueKind == JsonValueKind.Null) return [];
            if (entries.GetArrayLength() > most) throw TooMany(field, most);
            var texts = entries.EnumerateArray().Select(
                entry => entry.ValueKind == JsonValueKind.String ? entry.GetString()
                    : entry.TryGetProperty("digest", out var digest) ? digest.GetString() : null);
            return [.. texts.OfType<string>()];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SourceException($"{Host} answers something that is no list of {field}: is it a registry?", e);
        }
    }

    private SourceException TooMany(string field, int most) => new($"{Host} lists more than {most} {field}");

    /// <summary>Reads something small again if it breaks off.</summary>
    private static async Task<T> RepeatAsync<T>(Func<Task<T>> read, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await read();
            }
            catch (SourceException e) when (e is { IsTransient: true, Status: null } && attempt < MaxReads)
            {
                await Task.Delay(SourceClient.DelayAfter(attempt), cancellation);
            }
        }
    }

    private static async Task<byte[]> ReadAsync(
        HttpResponseMessage answer, long mostBytes, string what, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(TimeSpan.FromMinutes(2));
        try
        {
            return await BoundedBody.ReadAsync(answer.Content, mostBytes, what, deadline.Token);
        }
        catch (Exception e) when (e is IOException or HttpRequestException
            || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new SourceException($"{what} breaks off: {e.Message}", e) { IsTransient = true };
        }
    }

    private SourceException NoList(Exception? e) => new(
        $"{Host} does not list its repositories{(e is null ? "" : $" ({e.Message})")}: name them, as in "
        + "https://HOST/acme/app, with --repository, or in a file with --repositories", e);

    /// <summary>Only the query counts: the page after this one is at the same place.</summary>
    private static string? NextOf(HttpResponseMessage answer, string path)
    {
        if (!answer.Headers.TryGetValues("Link", out var links)) return null;
        var parts = links.First().Split('<', '>');
        return parts is [_, var link, ..] && link.Split('?', 2) is [_, var query]
            ? $"{path.Split('?')[0]}?{query}" : null;
    }
}
