using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Lifecycle;

/// <summary>
/// Reads everything stored again and compares it with its digests and with what the database says of it. Runs beside a
/// server: what looks wrong is looked at twice, and what is only young gets time to arrive.
/// </summary>
internal sealed class Verification(
    Database database, FileBlobStore store, ValidationSettings validation, TimeProvider clock, bool isDryRun)
{
    /// <summary>A server makes a blob durable within three seconds of its answer; its link is there before.</summary>
    private static readonly TimeSpan TimeToSettle = TimeSpan.FromSeconds(10);

    private const int LinksPerPage = 1000;

    /// <summary>Bodies have up to 4 MiB each (limits.manifestbytes), and a page is held in memory.</summary>
    private const int BodiesPerPage = 16;

    private readonly ManifestNeeds needs = new(validation);

    public VerificationReport Report { get; } = new();

    public async Task RunAsync(CancellationToken cancellation)
    {
        Report.TotalBytes = database.Read(s => s.Number(
            "SELECT sum(bytes) FROM (SELECT max(size_bytes) AS bytes FROM repository_blob GROUP BY digest)")) ?? 0;
        CheckDatabase();
        var parallel = new ParallelOptions
        {
            CancellationToken = cancellation,
            MaxDegreeOfParallelism = Environment.ProcessorCount,
        };
        await Parallel.ForEachAsync(store.List(), parallel, (digest, stop) =>
        {
            CheckBlob(digest, stop);
            return ValueTask.CompletedTask;
        });
        await Parallel.ForEachAsync(Links(), parallel, CheckLinkAsync);
        await Parallel.ForEachAsync(Bodies(), parallel, (body, _) =>
        {
            CheckManifest(body.Digest, body.Body);
            return ValueTask.CompletedTask;
        });
        Report.QuarantineFiles = store.CountQuarantined();
    }

    private void CheckDatabase()
    {
        foreach (var line in database.Read(s => s.All("PRAGMA quick_check(20)", row => row.GetString(0))))
        {
            if (line != "ok") Report.AddFault($"the database is damaged: {line}");
        }

        var withoutBody = database.Read(s => s.All(
            """
            SELECT r.name, m.digest FROM manifest m JOIN repository r ON r.id = m.repository_id
            WHERE NOT EXISTS (SELECT 1 FROM manifest_body b WHERE b.digest = m.digest) LIMIT 1000
            """,
            row => $"{row.GetString(0)}@{row.GetString(1)}"));
        foreach (var manifest in withoutBody)
        {
            Report.AddFault($"manifest {manifest} has lost its content: push it again");
        }
    }

    private void CheckBlob(Digest digest, CancellationToken cancellation)
    {
        try
        {
            using var content = store.Open(digest);
            if (content is null) return;
            var writtenUtc = content.WrittenUtc;
            var found = BlobContent.ComputeDigest(content.File, digest.Algorithm, Report.AddBytes, cancellation);
            Report.AddBlob();
            if (LinkOf(digest) is null) Report.AddUnlinked(content.Length);
            if (found != digest) SetAside(digest, writtenUtc, found);
        }
        catch (IOException e)
        {
            Report.AddFault($"blob {digest} cannot be read: {e.Message}");
        }
    }

    private void SetAside(Digest digest, DateTime writtenUtc, Digest found)
    {
        if (isDryRun)
        {
            Report.AddFault($"blob {digest} is altered: its content has the digest {found}");
        }
        else if (store.Quarantine(digest, writtenUtc))
        {
            Report.AddQuarantined();
            Report.AddFault(
                $"blob {digest} was altered: its content has the digest {found}; moved to quarantine, push it again");
        }
    }

    private async ValueTask CheckLinkAsync(Digest digest, CancellationToken cancellation)
    {
        if (LinkOf(digest) is not { } link || IsWhole(digest, link)) return;
        var settled = link.LinkedAt + TimeToSettle - clock.GetUtcNow();
        if (settled > TimeSpan.Zero) await Task.Delay(settled, clock, cancellation);
        if (LinkOf(digest) is not { } later || IsWhole(digest, later)) return;
        if (store.LengthOf(digest) is { } length)
        {
            Report.AddFault($"blob {digest} has {length} bytes and should have {later.LargestBytes}: push it again");
        }
        else if (RepositoryThatNeeds(digest) is { } repository)
        {
            Report.AddFault($"blob {digest} is missing, and {repository} needs it: push it again");
        }
        else
        {
            Report.AddUnfinishedLink();
        }
    }

    private bool IsWhole(Digest digest, Link link) =>
        store.LengthOf(digest) is { } length && length == link.SmallestBytes && length == link.LargestBytes;

    private void CheckManifest(Digest digest, byte[] body)
    {
        Report.AddManifest();
        var found = Digest.Of(digest.Algorithm, body);
        if (found != digest)
        {
            Report.AddFault(
                $"manifest {digest} is altered in the database: its content has the digest {found}; push it again");
            return;
        }

        foreach (var (repository, name, mediaType) in UsesOf(digest))
        {
            var missing = Missing(repository, NeedsOf(body, mediaType));

            // Someone may be deleting it just now, or pushing again what was set aside.
            if (missing.Count == 0 || (missing = Missing(repository, missing)).Count == 0) continue;
            if (!database.Read(s => ManifestTable.Exists(s, repository, digest))) continue;
            Report.AddFault($"manifest {name}@{digest} is incomplete, push the image again. Missing: "
                + string.Join(", ", missing.Select(m => m.Target.Digest.Text).Distinct()));
        }
    }

    /// <summary>A body that was taken once and would be refused by now needs nothing that is known.</summary>
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

    private List<ManifestReference> Missing(long repository, List<ManifestReference> needed) => database.Read(session =>
        needed.FindAll(n =>
        {
            var digest = n.Target.Digest;
            if (n.Kind == ReferenceKind.Child && ManifestTable.Exists(session, repository, digest)) return false;
            return BlobTable.Find(session, repository, digest)?.SizeBytes is not { } bytes
                || store.LengthOf(digest) != bytes;
        }));

    private List<(long Repository, string Name, string MediaType)> UsesOf(Digest digest) => database.Read(s => s.All(
        """
        SELECT m.repository_id, r.name, m.media_type FROM manifest m JOIN repository r ON r.id = m.repository_id
        WHERE m.digest = @1
        """,
        row => (row.GetInt64(0), row.GetString(1), row.GetString(2)), digest.Text));

    private Link? LinkOf(Digest digest) => database.Read(s => s.First(
        """
        SELECT min(size_bytes), max(size_bytes), max(linked_at) FROM repository_blob WHERE digest = @1
        HAVING count(*) > 0
        """,
        row => new Link(row.GetInt64(0), row.GetInt64(1), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2))),
        digest.Text));

    private string? RepositoryThatNeeds(Digest digest) => database.Read(s => s.Text(
        """
        SELECT r.name FROM repository_blob b
        JOIN manifest_reference m ON m.repository_id = b.repository_id AND m.target_digest = b.digest
        JOIN repository r ON r.id = b.repository_id
        WHERE b.digest = @1 LIMIT 1
        """,
        digest.Text));

    private IEnumerable<Digest> Links() => Pages("", last => database.Read(s => s.All(
        "SELECT DISTINCT digest FROM repository_blob WHERE digest > @1 ORDER BY digest LIMIT @2",
        row => Digest.Parse(row.GetString(0)), last, LinksPerPage)), digest => digest.Text);

    private IEnumerable<(Digest Digest, byte[] Body)> Bodies() => Pages("", last => database.Read(s => s.All(
        "SELECT digest, body FROM manifest_body WHERE digest > @1 ORDER BY digest LIMIT @2",
        row => (Digest.Parse(row.GetString(0)), (byte[])row.GetValue(1)), last, BodiesPerPage)), m => m.Item1.Text);

    private static IEnumerable<T> Pages<T>(string last, Func<string, List<T>> read, Func<T, string> key)
    {
        for (var page = read(last); page.Count > 0; page = read(key(page[^1])))
        {
            foreach (var item in page) yield return item;
        }
    }

    /// <summary>All links of one blob: the sizes they state, in bytes, and when the youngest was made.</summary>
    private sealed record Link(long SmallestBytes, long LargestBytes, DateTimeOffset LinkedAt);
}
