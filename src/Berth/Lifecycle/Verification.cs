using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Registry;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>
/// Reads everything stored and compares it with its digests and with the database. Runs beside a server: anything that
/// looks wrong is checked twice, and anything recent gets time to settle.
/// </summary>
internal sealed class Verification(
    Database database, IBlobStore store, ValidationSettings validation, TimeProvider clock, bool isDryRun)
{
    /// <summary>
    /// A server makes a blob durable within three seconds of its response; the link exists before that.
    /// </summary>
    private static readonly TimeSpan TimeToSettle = TimeSpan.FromSeconds(10);

    private const int LinksPerPage = 1000;

    /// <summary>Bodies are up to 4 MiB each (limits.manifestbytes), and a page is held in memory.</summary>
    private const int BodiesPerPage = 16;

    private readonly ManifestNeeds needs = new(validation);

    /// <summary>Cancels the run; set when it begins.</summary>
    private CancellationToken ending;

    public VerificationReport Report { get; } = new();

    public async Task RunAsync(CancellationToken cancellation)
    {
        ending = cancellation;
        Report.TotalBytes = await ReadAsync(s => s.NumberAsync(
            "SELECT sum(bytes) FROM (SELECT max(size_bytes) AS bytes FROM repository_blob GROUP BY digest) AS blob"))
            ?? 0;
        await CheckDatabaseAsync();
        var parallel = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = Environment.ProcessorCount,
        };
        await Parallel.ForEachAsync(
            store.ListAsync(cancellation), parallel, (digest, stop) => new ValueTask(CheckBlobAsync(digest, stop)));
        await Parallel.ForEachAsync(LinksAsync(), parallel, CheckLinkAsync);
        await Parallel.ForEachAsync(BodiesAsync(), parallel, (body, _) => CheckManifestAsync(body.Digest, body.Body));
        Report.QuarantineFiles = await store.ListQuarantinedAsync(cancellation).CountAsync(cancellation);
    }

    private async Task CheckDatabaseAsync()
    {
        foreach (var line in await database.CheckAsync(ending)) Report.AddFault($"the database is damaged: {line}");
        var withoutBody = await ReadAsync(s => s.AllAsync(
            """
            SELECT r.name, m.digest FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE NOT EXISTS (SELECT 1 FROM manifest_body b WHERE b.digest = m.digest) LIMIT 1000
            """,
            row => $"{row.GetString(0)}@{row.GetString(1)}"));
        foreach (var manifest in withoutBody)
        {
            Report.AddFault($"manifest {manifest} has lost its content: push it again");
        }

        var differing = await ReadAsync(s => s.AllAsync(
            """
            SELECT DISTINCT b.digest FROM blob b JOIN repository_blob l ON l.digest = b.digest
            WHERE l.size_bytes <> b.size_bytes LIMIT 1000
            """,
            row => row.GetString(0)));
        foreach (var digest in differing)
        {
            Report.AddFault($"the database has two sizes for blob {digest}: push it again");
        }
    }

    private ValueTask<T> ReadAsync<T>(Func<Session, ValueTask<T>> query) => database.ReadAsync(query, ending);

    private async Task CheckBlobAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            using var content = await store.OpenAsync(digest, cancellation);
            if (content is null) return;
            var found = await content.ComputeDigestAsync(digest.Algorithm, Report.AddBytes, cancellation);
            Report.AddBlob();
            if (await LinkOfAsync(digest) is null) Report.AddUnlinked(content.Length);
            if (found != digest) await SetAsideAsync(digest, content, found);
        }
        catch (IOException e)
        {
            Report.AddFault($"blob {digest} cannot be read: {e.Message}");
        }
    }

    private async Task SetAsideAsync(Digest digest, BlobContent content, Digest found)
    {
        if (isDryRun)
        {
            Report.AddFault($"blob {digest} is altered: its content has the digest {found}");
        }
        else if (await store.QuarantineAsync(digest, content, ending))
        {
            Report.AddQuarantined();
            Report.AddFault(
                $"blob {digest} was altered: its content has the digest {found}; moved to quarantine, push it again");
        }
    }

    private async ValueTask CheckLinkAsync(Digest digest, CancellationToken cancellation)
    {
        if (await LinkOfAsync(digest) is not { } link || await IsWholeAsync(digest, link)) return;
        var settled = link.LinkedAt + TimeToSettle - clock.GetUtcNow();
        if (settled > TimeSpan.Zero) await Task.Delay(settled, clock, cancellation);
        if (await LinkOfAsync(digest) is not { } later || await IsWholeAsync(digest, later)) return;
        if (await store.LengthOfAsync(digest, ending) is { } length)
        {
            Report.AddFault($"blob {digest} has {length} bytes and should have {later.LargestBytes}: push it again");
        }
        else if (await RepositoryThatNeedsAsync(digest) is { } repository)
        {
            Report.AddFault($"blob {digest} is missing, and {repository} needs it: push it again");
        }
        else
        {
            Report.AddUnfinishedLink();
        }
    }

    private async ValueTask<bool> IsWholeAsync(Digest digest, Link link) =>
        await store.LengthOfAsync(digest, ending) is { } length
        && length == link.SmallestBytes && length == link.LargestBytes;

    private async ValueTask CheckManifestAsync(Digest digest, byte[] body)
    {
        Report.AddManifest();
        var found = Digest.Of(digest.Algorithm, body);
        if (found != digest)
        {
            Report.AddFault(
                $"manifest {digest} is altered in the database: its content has the digest {found}; push it again");
            return;
        }

        foreach (var (repository, name, mediaType) in await UsesOfAsync(digest))
        {
            var missing = await FindMissingAsync(repository, NeedsOf(body, mediaType));

            // Someone may be deleting it right now, or pushing again what was quarantined.
            if (missing.Count == 0 || (missing = await FindMissingAsync(repository, missing)).Count == 0) continue;
            if (!await ReadAsync(s => ManifestTable.ExistsAsync(s, repository, digest))) continue;
            await ReportMissingAsync(
                repository, $"{name}@{digest}", [.. missing.Select(m => m.Target.Digest.Text).Distinct()]);
        }
    }

    /// <summary>Somebody may have deleted an image of an index, which can be brought back.</summary>
    private async ValueTask ReportMissingAsync(long repository, string name, List<string> missing)
    {
        var deleted = await ReadAsync(s => TrashTable.FindEntriesAsync(s, repository, missing));
        foreach (var (digest, id) in deleted)
        {
            Report.AddFault($"manifest {name} lists {digest}, which is in the trash: "
                + $"`berth trash restore {id}` brings it back");
        }

        var gone = missing.Except(deleted.Select(one => one.Digest), StringComparer.Ordinal).ToList();
        if (gone.Count == 0) return;
        Report.AddFault(
            $"manifest {name} is incomplete, push the image again. Missing: {string.Join(", ", gone)}");
    }

    /// <summary>The needs of a body that was once accepted but would now be refused are unknown.</summary>
    private List<ManifestReference> NeedsOf(byte[] body, string mediaType)
    {
        try
        {
            return needs.Of(Manifest.Parse(body, mediaType));
        }
        catch (ManifestFormatException)
        {
            return [];
        }
    }

    private async ValueTask<List<ManifestReference>> FindMissingAsync(long repository, List<ManifestReference> needed)
    {
        var digests = needed.ConvertAll(n => n.Target.Digest);
        var (manifests, links) = await ReadAsync(async s => (
            await ManifestTable.FindAllAsync(s, repository, digests),
            await BlobTable.FindAllAsync(s, repository, digests)));
        var missing = new List<ManifestReference>();
        foreach (var need in needed)
        {
            var digest = need.Target.Digest;
            if (need.Kind == ReferenceKind.Child && manifests.Contains(digest)) continue;
            if (!need.NamesManifest && links.TryGetValue(digest, out var link)
                && await store.LengthOfAsync(digest, ending) == link.SizeBytes)
            {
                continue;
            }

            missing.Add(need);
        }

        return missing;
    }

    private ValueTask<List<(long Repository, string Name, string MediaType)>> UsesOfAsync(Digest digest) =>
        ReadAsync(s => s.AllAsync(
            """
            SELECT m.repository_id, r.name, m.media_type FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE m.digest = $1
            """,
            row => (row.GetInt64(0), row.GetString(1), row.GetString(2)), digest.Text));

    private ValueTask<Link?> LinkOfAsync(Digest digest) => ReadAsync(s => s.FirstAsync(
        """
        SELECT min(size_bytes), max(size_bytes), max(linked_at) FROM repository_blob WHERE digest = $1
        HAVING count(*) > 0
        """,
        row => new Link(row.GetInt64(0), row.GetInt64(1), row.Time(2)),
        digest.Text));

    private ValueTask<string?> RepositoryThatNeedsAsync(Digest digest) => ReadAsync(s => s.TextAsync(
        """
        SELECT r.name FROM repository_blob b
        JOIN manifest_reference m ON m.repository_id = b.repository_id AND m.target_digest = b.digest
        JOIN repository r ON r.id = b.repository_id
        WHERE b.digest = $1 LIMIT 1
        """,
        digest.Text));

    private IAsyncEnumerable<Digest> LinksAsync() => PagesAsync("", last => ReadAsync(s => s.AllAsync(
        "SELECT DISTINCT digest FROM repository_blob WHERE digest > $1 ORDER BY digest LIMIT $2",
        row => Digest.Parse(row.GetString(0)), last, LinksPerPage)), digest => digest.Text);

    private IAsyncEnumerable<(Digest Digest, byte[] Body)> BodiesAsync() => PagesAsync(
        "",
        last => ReadAsync(s => s.AllAsync(
            "SELECT digest, body FROM manifest_body WHERE digest > $1 ORDER BY digest LIMIT $2",
            row => (Digest.Parse(row.GetString(0)), (byte[])row.GetValue(1)), last, BodiesPerPage)),
        m => m.Item1.Text);

    private static async IAsyncEnumerable<T> PagesAsync<T>(
        string last, Func<string, ValueTask<List<T>>> read, Func<T, string> key)
    {
        for (var page = await read(last); page.Count > 0; page = await read(key(page[^1])))
        {
            foreach (var item in page) yield return item;
        }
    }

    /// <summary>All links of one blob: the sizes they state, in bytes, and when the youngest was made.</summary>
    private sealed record Link(long SmallestBytes, long LargestBytes, DateTimeOffset LinkedAt);
}
