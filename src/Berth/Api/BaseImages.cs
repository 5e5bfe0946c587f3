using Berth.Metadata;
using Berth.Oci;
using Berth.Settings;

namespace Berth.Api;

/// <summary>What an image was built on, as it says itself (image-spec, annotations.md).</summary>
/// <param name="Name">How whoever built it named it.</param>
/// <param name="Digest">What that was at that time.</param>
/// <param name="Repository">A repository here that has it, and that the caller may see; null if there is none.</param>
/// <param name="Layers">How many of the lowest layers are its; 0 if that is not known.</param>
internal sealed record BaseImageView(string? Name, string? Digest, string? Repository, int Layers);

/// <summary>Finds what images were built on.</summary>
internal sealed class BaseImages(Database database, ManifestTable manifests, ApiGate gate, LimitSettings limits)
{
    private const string NameKey = "org.opencontainers.image.base.name";
    private const string DigestKey = "org.opencontainers.image.base.digest";

    /// <summary>A base that is in so many repositories is likely to be in one that is public.</summary>
    private const int MaxAsked = 50;

    /// <param name="http">Who asks.</param>
    /// <param name="image">The image: annotations come before labels.</param>
    /// <param name="config">Its config; null if it has none.</param>
    public async ValueTask<BaseImageView?> FindAsync(HttpContext http, ImageOutline image, ImageConfig? config)
    {
        var (name, text) = (Find(NameKey), Find(DigestKey));
        if (name is null && text is null) return null;
        if (text is null || !Digest.TryParse(text, out var digest)) return new BaseImageView(name, null, null, 0);
        if (await FindRepositoryAsync(http, digest) is not { } repository)
            return new BaseImageView(name, digest.Text, null, 0);
        var layers = await CountLayersAsync(
            repository, digest, image, config?.Platform ?? "", http.RequestAborted);
        return new BaseImageView(name, digest.Text, repository.Text, layers);

        string? Find(string key) =>
            image.Annotations.GetValueOrDefault(key) ?? config?.Labels.GetValueOrDefault(key);
    }

    private async ValueTask<RepositoryName?> FindRepositoryAsync(HttpContext http, Digest digest)
    {
        var names = await database.ReadAsync(
            session => ImageTable.RepositoriesWithAsync(session, digest, MaxAsked), http.RequestAborted);
        foreach (var name in names)
        {
            if (RepositoryName.TryParse(name, out var parsed) && await gate.MaySeeAsync(http, parsed)) return parsed;
        }

        return null;
    }

    /// <summary>An image begins with all layers of its base, or has been squashed.</summary>
    private async ValueTask<int> CountLayersAsync(
        RepositoryName repository, Digest digest, ImageOutline image, string platform, CancellationToken cancellation)
    {
        var below = await ReadAsync(repository, digest, cancellation);
        if (below?.Manifest is { } index && MediaTypes.IsIndex(index.MediaType))
        {
            var child = index.References.FirstOrDefault(one => one.Kind == ReferenceKind.Child
                && one.Target.Platform is { } has && Platforms.NameOf(has) == platform);
            below = child is null ? null : await ReadAsync(repository, child.Target.Digest, cancellation);
        }

        List<Digest> layers = [.. below?.Layers.Select(one => one.Digest) ?? []];
        return image.Layers.Select(one => one.Digest).Take(layers.Count).SequenceEqual(layers) ? layers.Count : 0;
    }

    private async ValueTask<ImageOutline?> ReadAsync(
        RepositoryName repository, Digest digest, CancellationToken cancellation)
    {
        if (await manifests.FindAsync(repository, new Reference(digest), cancellation) is not { } stored) return null;
        return (stored.Body ?? await manifests.LoadBodyAsync(digest)) is { } body
            ? ImageOutline.Read(body, stored.MediaType, limits.ReferencesPerManifest) : null;
    }
}
