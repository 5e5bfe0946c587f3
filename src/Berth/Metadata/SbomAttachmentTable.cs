using System.Data.Common;
using Berth.Oci;

namespace Berth.Metadata;

/// <summary>An image that may get a bill of materials.</summary>
/// <param name="RepositoryId">Where it is.</param>
/// <param name="Repository">The name of that.</param>
/// <param name="Image">Its descriptor.</param>
/// <param name="BuiltAt">When it was built, by what it says.</param>
internal sealed record UnlistedImageRow(
    long RepositoryId, string Repository, Descriptor Image, DateTimeOffset? BuiltAt);

/// <summary>Which images were looked at for a bill of materials, each once.</summary>
internal static class SbomAttachmentTable
{
    /// <summary>The last of the next manifests, in the order of their repositories and digests; null if there are
    /// fewer.</summary>
    public static async ValueTask<(long Repository, string Image)?> EndOfAsync(
        Session session, (long Repository, string Image) after, int count)
    {
        var found = await session.AllAsync(
            """
            SELECT repository_id, digest FROM manifest WHERE (repository_id, digest) > ($1, $2)
            ORDER BY repository_id, digest LIMIT 1 OFFSET $3
            """,
            row => (row.GetInt64(0), row.GetString(1)), after.Repository, after.Image, count - 1L);
        return found.Count > 0 ? found[0] : null;
    }

    /// <summary>
    /// Images whose packages are known and which nobody has looked at, in the order of their repositories and digests.
    /// </summary>
    /// <param name="session">A read.</param>
    /// <param name="after">Those after this one.</param>
    /// <param name="end">The last one; null: no end.</param>
    /// <param name="pushedBefore">Only those that were pushed before: what builders attach comes a little later.
    /// </param>
    /// <param name="now">The time.</param>
    /// <param name="count">The most.</param>
    public static ValueTask<List<UnlistedImageRow>> DueAsync(
        Session session, (long Repository, string Image) after, (long Repository, string Image)? end,
        DateTimeOffset pushedBefore, DateTimeOffset now, int count) => session.AllAsync(
            $"""
            SELECT m.repository_id, r.name, m.digest, m.media_type, m.size_bytes, b.built_at
            FROM manifest m JOIN repository r ON r.id = m.repository_id
            JOIN manifest_body b ON b.digest = m.digest
            JOIN image_scan s ON s.digest = m.digest AND s.state = 'read'
            WHERE (m.repository_id, m.digest) > ($1, $2) AND (m.repository_id, m.digest) <= ($6, $7)
                AND m.pushed_at <= $3
                AND m.media_type IN ('{MediaTypes.OciManifest}', '{MediaTypes.DockerManifest}')
                AND NOT EXISTS (SELECT 1 FROM sbom_attachment a
                    WHERE a.repository_id = m.repository_id AND a.digest = m.digest AND a.due_at > $4)
            ORDER BY m.repository_id, m.digest LIMIT $5
            """,
            Read, after.Repository, after.Image, pushedBefore.ToUnixTimeMilliseconds(), now.ToUnixTimeMilliseconds(),
            (long)count, end?.Repository ?? long.MaxValue, end?.Image ?? "");

    /// <summary>Notes that an image was looked at.</summary>
    /// <param name="session">A write.</param>
    /// <param name="image">Which.</param>
    /// <param name="artifact">What was attached; null: nothing.</param>
    /// <param name="until">When it is looked at again; null: never.</param>
    public static ValueTask<int> NoteAsync(
        Session session, UnlistedImageRow image, Digest? artifact, DateTimeOffset? until) => session.RunAsync(
        """
        INSERT INTO sbom_attachment (repository_id, digest, artifact, due_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (repository_id, digest) DO UPDATE SET artifact = excluded.artifact, due_at = excluded.due_at
        """,
        image.RepositoryId, image.Image.Digest.Text, artifact?.Text ?? "",
        until?.ToUnixTimeMilliseconds() ?? long.MaxValue);

    /// <summary>Images that are gone, also from the trash: at most so many.</summary>
    public static ValueTask<List<(long Repository, string Image)>> GoneAsync(Session session, int count) =>
        session.AllAsync(
            """
            SELECT a.repository_id, a.digest FROM sbom_attachment a
            WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = a.repository_id AND m.digest = a.digest)
                AND NOT EXISTS (SELECT 1 FROM trash_manifest t
                    WHERE t.repository_id = a.repository_id AND t.digest = a.digest)
            LIMIT $1
            """,
            row => (row.GetInt64(0), row.GetString(1)), (long)count);

    /// <summary>Forgets images, unless they are back.</summary>
    public static ValueTask ForgetAsync(Session session, IReadOnlyCollection<(long Repository, string Image)> images) =>
        session.RunEachAsync(
            """
            DELETE FROM sbom_attachment WHERE repository_id = $1 AND digest = $2
                AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2)
            """,
            [.. images.Select(one => (object?[])[one.Repository, one.Image])]);

    private static UnlistedImageRow Read(DbDataReader row) => new(
        row.GetInt64(0), row.GetString(1),
        new Descriptor(row.GetString(3), Digest.Parse(row.GetString(2)), row.GetInt64(4), []), row.TimeOrNull(5));
}
