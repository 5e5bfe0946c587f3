using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Policies;

/// <summary>Finds out which documents come with images: as referrers, by tags of cosign, or beside them in an index, as
/// buildx has them.</summary>
internal sealed class AttachedDocuments(Database database, LimitSettings limits)
{
    private const string AboutKey = "vnd.docker.reference.digest";

    /// <summary>Anybody who may push can attach any number.</summary>
    private const int MaxFound = 100;

    /// <summary>Larger manifests are not read: an index with hundreds of platforms has less.</summary>
    private const long MaxBytes = 512 * 1024;

    /// <summary>What comes with exactly this image, the newest first, and last what the registry itself attached.
    /// </summary>
    /// <param name="repositoryId">Where.</param>
    /// <param name="image">The image.</param>
    /// <param name="first">Manifests that come before all others, so that no others can crowd them out.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<IReadOnlyList<(Digest Digest, ImageOutline Outline)>> FindAsync(
        long repositoryId, Digest image, IReadOnlyCollection<Digest> first, CancellationToken cancellation)
    {
        var found = new List<(Digest, ImageOutline)>();
        await database.ReadAsync(
            async session =>
            {
                var attached = await AttachedToAsync(session, repositoryId, image);
                attached.AddRange(first);
                foreach (var index in await JudgedImageTable.IndexesWithAsync(session, repositoryId, image))
                {
                    if (await ReadAsync(session, repositoryId, index) is { } outline)
                        attached.AddRange(BesideIn(outline, image).Take(MaxFound));
                }

                foreach (var digest in await AttachedDocumentTable.SortAsync(
                    session, repositoryId, image, attached, first, MaxFound))
                {
                    if (await ReadAsync(session, repositoryId, digest) is { } outline) found.Add((digest, outline));
                }

                return true;
            },
            cancellation);
        return found;
    }

    /// <summary>The kinds of documents (<see cref="ArtifactKind"/>) that an image comes with.</summary>
    public async Task<IReadOnlySet<string>> OfAsync(long repositoryId, Digest image, CancellationToken cancellation)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        await database.ReadAsync(
            async session =>
            {
                var attached = await AttachedToAsync(session, repositoryId, image);
                var toIndexes = new List<Digest>();
                foreach (var index in await JudgedImageTable.IndexesWithAsync(session, repositoryId, image))
                {
                    if (await ReadAsync(session, repositoryId, index) is { } outline)
                        attached.AddRange(BesideIn(outline, image));
                    toIndexes.AddRange(await AttachedToAsync(session, repositoryId, index));
                }

                foreach (var digest in attached.Distinct().Take(MaxFound))
                {
                    if (await ReadAsync(session, repositoryId, digest) is { } outline)
                        found.UnionWith(KindsOf(outline));
                }

                // Whoever built an index built its images; what is in one of them is not in all.
                foreach (var digest in toIndexes.Distinct().Take(MaxFound))
                {
                    if (await ReadAsync(session, repositoryId, digest) is { } outline)
                        found.UnionWith(KindsOf(outline).Where(kind => kind == ArtifactKind.Provenance));
                }

                return true;
            },
            cancellation);
        return found;
    }

    /// <summary>What refers to a manifest, and what tags of cosign attach to it.</summary>
    private static async ValueTask<List<Digest>> AttachedToAsync(Session session, long repositoryId, Digest subject)
    {
        var attached = await JudgedImageTable.ReferrersAsync(session, repositoryId, subject, MaxFound);
        foreach (var name in AttachmentTag.NamesFor(subject))
        {
            if (Tag.TryParse(name, out var tag) && await TagTable.FindAsync(session, repositoryId, tag) is { } digest)
                attached.Add(Digest.Parse(digest));
        }

        return attached;
    }

    private async ValueTask<ImageOutline?> ReadAsync(Session session, long repositoryId, Digest digest) =>
        await JudgedImageTable.FindAsync(session, repositoryId, digest, MaxBytes) is { } row
            ? ImageOutline.Read(row.Body, row.MediaType, limits.ReferencesPerManifest) : null;

    private static IEnumerable<Digest> BesideIn(ImageOutline index, Digest image) =>
        from one in index.ChildAnnotations
        where one.Value.GetValueOrDefault(AboutKey) == image.Text && Digest.TryParse(one.Key, out _)
        select Digest.Parse(one.Key);

    /// <summary>One manifest may hold several, each in a layer.</summary>
    private static IEnumerable<string> KindsOf(ImageOutline outline)
    {
        var whole = ArtifactKind.PredicateOf(outline.Annotations);
        foreach (var layer in outline.Layers)
        {
            var said = outline.LayerAnnotations.GetValueOrDefault(layer.Digest.Text) is { } annotations
                ? ArtifactKind.PredicateOf(annotations) : null;
            yield return ArtifactKind.Of(
                outline.Manifest?.ArtifactType,
                new[] { said ?? whole, layer.MediaType }.OfType<string>());
        }
    }
}
