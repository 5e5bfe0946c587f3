using System.Globalization;
using System.Text;

namespace Berth.Bench;

/// <summary>An existing image, at a random position in the tables.</summary>
/// <param name="Number">From 1; its blobs and its tag are named after it.</param>
/// <param name="Repository">The repository's name.</param>
/// <param name="Digest">The manifest's.</param>
internal sealed record ScalePlace(int Number, string Repository, string Digest)
{
    public string Tag => ScaleSeed.TagOf(Number);

    /// <summary>The config's and the layers' digests and lengths.</summary>
    public (string Digest, int Length)[] Blobs => [.. Enumerable.Range(0, 4).Select(
        k => (Seed.DigestOf(Encoding.UTF8.GetBytes($"blob {Number} {k}")), 1000 + k))];
}

/// <summary>The size of one table: heap (with TOAST) and indexes.</summary>
internal sealed record ScaleTable(string Name, long Rows, long HeapBytes, long IndexBytes);

/// <summary>
/// Fills Berth's tables as pushes would: a tenth of the images in one repository, up to 10,000 referrers of one
/// subject, and the rest spread over 998 repositories. No two images share a blob.
/// </summary>
internal static class ScaleSeed
{
    public const int Repositories = 1000;
    public const string Large = "scale/large";
    public const string Referred = "scale/referred";

    private const int Batch = 100_000;

    public static string Subject { get; } = Seed.DigestOf("subject"u8.ToArray());

    /// <summary>The first images are those of the large repository.</summary>
    public static int InLarge(int manifests) => manifests / 10;

    public static int Referrers(int manifests) => Math.Min(10_000, manifests / 10);

    public static string RepositoryOf(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"scale/r{number:000000}");

    public static string TagOf(int number) => string.Create(CultureInfo.InvariantCulture, $"v{number:00000000}");

    /// <summary>Fills existing, empty tables, then vacuums and analyzes them.</summary>
    public static async Task FillAsync(ScaleDatabase database, int manifests, CancellationToken stop)
    {
        await database.ExecuteAsync(Preparation, stop);
        await Task.WhenAll(Statements.Select(async statement =>
        {
            for (var from = 1; from <= manifests; from += Batch)
            {
                var to = Math.Min(manifests, from + Batch - 1);
                await database.ExecuteAsync(Fill(statement, manifests, from, to), stop);
            }
        }));
        await database.ExecuteAsync("DROP FUNCTION scale_body, scale_digest", stop);
        foreach (var table in Tables) await database.ExecuteAsync($"VACUUM ANALYZE {table}", stop);
    }

    /// <summary>Random images, the same in each run.</summary>
    public static async Task<List<ScalePlace>> PlacesAsync(
        ScaleDatabase database, int manifests, int count, CancellationToken stop)
    {
        var random = new Random(1);
        var numbers = Enumerable.Range(0, count).Select(_ => 1 + random.Next(manifests));
        var names = string.Join(",", numbers.Select(n => $"'{TagOf(n)}'"));
        var places = await database.ReadAsync(
            $"SELECT t.name, r.name, t.digest FROM tag t JOIN repository r ON r.id = t.repository_id"
                + $" WHERE t.name IN ({names})",
            row => new ScalePlace(
                int.Parse(row.GetString(0).AsSpan(1), CultureInfo.InvariantCulture), row.GetString(1),
                row.GetString(2)),
            stop);
        var order = places.ToArray();
        random.Shuffle(order);
        return [.. order];
    }

    public static async Task<List<ScaleTable>> SizesAsync(ScaleDatabase database, CancellationToken stop)
    {
        var sizes = new List<ScaleTable>();
        foreach (var table in Tables)
        {
            sizes.AddRange(await database.ReadAsync(
                $"SELECT count(*), pg_table_size('{table}'), pg_indexes_size('{table}') FROM {table}",
                row => new ScaleTable(table, row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)), stop));
        }

        return sizes;
    }

    private static readonly string[] Tables =
        ["manifest_body", "manifest", "manifest_reference", "repository_blob", "tag", "tag_history"];

    private const string Preparation = """
        INSERT INTO repository (name, created_at) SELECT
            CASE i WHEN 1 THEN 'scale/large' WHEN 2 THEN 'scale/referred'
                ELSE 'scale/r' || lpad(i::text, 6, '0') END, 1750000000000
        FROM generate_series(1, 1000) i ORDER BY i;
        CREATE FUNCTION scale_digest(i int, k int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
            SELECT 'sha256:' || encode(sha256(convert_to('blob ' || i || ' ' || k, 'UTF8')), 'hex') $$;
        CREATE FUNCTION scale_body(i int, subject text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
            SELECT convert_to('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
                || '"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"'
                || scale_digest(i, 0) || '","size":1000},"layers":['
                || string_agg('{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"'
                    || scale_digest(i, k) || '","size":' || 1000 + k || '}', ',' ORDER BY k)
                || ']' || coalesce(',"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'
                    || subject || '","size":7}', '') || '}', 'UTF8')
            FROM generate_series(1, 3) k $$
        """;

    /// <summary>Statements in one string run sequentially; the strings run in parallel.</summary>
    private static readonly string[] Statements =
    [
        """
        WITH body AS MATERIALIZED (SELECT i, r, s, scale_body(i, s) AS b FROM image),
        image_digest AS MATERIALIZED (
            SELECT i, r, s, b, 'sha256:' || encode(sha256(b), 'hex') AS d FROM body),
        bodies AS (INSERT INTO manifest_body (digest, body) SELECT d, b FROM image_digest),
        manifests AS (INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type,
                subject_digest, annotations, pushed_at, pushed_by)
            SELECT r, d, 'application/vnd.oci.image.manifest.v1+json', length(b),
                CASE WHEN s IS NULL THEN 'application/vnd.oci.image.config.v1+json' ELSE 'application/x.scale' END,
                s, NULL, 1750000000000 + i, 'someone' FROM image_digest),
        tags AS (INSERT INTO tag (repository_id, name, digest, moved_at, moved_by)
            SELECT r, 'v' || lpad(i::text, 8, '0'), d, 1750000000000 + i, 'someone' FROM image_digest),
        history AS (INSERT INTO tag_history (repository_id, name, digest, moved_at, moved_by)
            SELECT r, 'v' || lpad(i::text, 8, '0'), d, 1750000000000 + i, 'someone' FROM image_digest)
        INSERT INTO manifest_reference (repository_id, manifest_digest, target_digest, kind)
        SELECT r, d, scale_digest(i, k), CASE k WHEN 0 THEN 'Config' ELSE 'Layer' END
        FROM image_digest, generate_series(0, 3) k
        UNION ALL SELECT r, d, s, 'Subject' FROM image_digest WHERE s IS NOT NULL
        """,
        """
        INSERT INTO repository_blob (repository_id, digest, size_bytes, linked_at)
        SELECT r, scale_digest(i, k), 1000 + k, 1750000000000 + i FROM image, generate_series(0, 3) k
        """,
    ];

    /// <summary>Names the images of a batch: number, repository and subject.</summary>
    private static string Fill(string statement, int manifests, int from, int to)
    {
        var large = InLarge(manifests);
        var referrers = large + Referrers(manifests);
        var images = $"""
            image AS (SELECT i, CASE WHEN i <= {large} THEN 1 WHEN i <= {referrers} THEN 2
                ELSE 3 + i % {Repositories - 2} END AS r,
                CASE WHEN i > {large} AND i <= {referrers} THEN '{Subject}' END AS s
            FROM generate_series({from}, {to}) i ORDER BY r, i)
            """;
        return statement.StartsWith("WITH ", StringComparison.Ordinal)
            ? $"WITH {images}, {statement[5..]}"
            : $"WITH {images} {statement}";
    }
}
