using System.IO.Pipelines;
using Berth.Blobs;
using Berth.Metadata;
using Berth.Oci;

namespace Berth.Import;

/// <summary>A manifest as a registry has it.</summary>
internal sealed record FoundManifest(Digest Digest, string MediaType, byte[] Body);

/// <summary>A registry from which images are taken: this one's own storage, or one over the network.</summary>
internal abstract class ImageSource
{
    /// <summary>A manifest; null if there is none.</summary>
    public abstract Task<FoundManifest?> FindAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation);

    /// <summary>The manifests that refer to one.</summary>
    public abstract Task<List<Digest>> ReferrersAsync(
        RepositoryName repository, Digest subject, CancellationToken cancellation);

    /// <summary>The tags of a repository; none if there is no such repository.</summary>
    public abstract Task<List<Tag>> TagsAsync(RepositoryName repository, CancellationToken cancellation);

    /// <summary>Opens a blob; null if there is none.</summary>
    public abstract Task<Stream?> OpenAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation);
}

/// <summary>What lies in the storage of a registry, whether a server uses it or not. Nothing is written.</summary>
internal sealed class OwnImageSource(Database database, IBlobStore store) : ImageSource
{
    private const int MaxTags = 1_000_000;

    public override async Task<FoundManifest?> FindAsync(
        RepositoryName repository, Reference reference, CancellationToken cancellation) => await database.ReadAsync(
        async session =>
        {
            if (await RepositoryTable.FindAsync(session, repository) is not { } id) return null;
            var digest = reference.Digest?.Text ?? await TagTable.FindAsync(session, id, reference.Tag!.Value);
            return digest is null ? null : await session.FirstAsync(
                """
                SELECT m.media_type, b.body FROM manifest m JOIN manifest_body b ON b.digest = m.digest
                WHERE m.repository_id = $1 AND m.digest = $2
                """,
                row => new FoundManifest(Digest.Parse(digest), row.GetString(0), (byte[])row.GetValue(1)), id, digest);
        },
        cancellation);

    public override async Task<List<Digest>> ReferrersAsync(
        RepositoryName repository, Digest subject, CancellationToken cancellation) => await database.ReadAsync(
        session => session.AllAsync(
            """
            SELECT digest FROM manifest WHERE repository_id = (SELECT id FROM repository WHERE name = $1)
                AND subject_digest = $2 ORDER BY digest
            """,
            row => Digest.Parse(row.GetString(0)), repository.Text, subject.Text),
        cancellation);

    public override async Task<List<Tag>> TagsAsync(RepositoryName repository, CancellationToken cancellation) =>
        await database.ReadAsync(
            async session => await RepositoryTable.FindAsync(session, repository) is { } id
                ? (await TagTable.ListAsync(session, id, last: "", MaxTags, skip: 0)).ConvertAll(
                    name => Tag.TryParse(name, out var tag) ? tag : default)
                : [],
            cancellation);

    public override async Task<Stream?> OpenAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await store.OpenAsync(digest, cancellation) is not { } content) return null;
        var pipe = new Pipe();
        _ = FillAsync();
        return pipe.Reader.AsStream();

        async Task FillAsync()
        {
            Exception? failure = null;
            try
            {
                await content.CopyToAsync(pipe.Writer, 0, content.Length, cancellation);
            }
            catch (Exception e)
            {
                // Whoever reads hears of it.
                failure = e;
            }
            finally
            {
                content.Dispose();
                await pipe.Writer.CompleteAsync(failure);
            }
        }
    }
}
