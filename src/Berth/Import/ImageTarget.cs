using Berth.Oci;

namespace Berth.Import;

/// <summary>Where the images of an archive go.</summary>
/// <param name="Image">Which.</param>
/// <param name="Repository">The repository.</param>
/// <param name="Tag">The tag; null if it is only known by its digest.</param>
internal sealed record ImageTarget(ArchivedImage Image, RepositoryName Repository, Tag? Tag)
{
    private const string Advice = "name where it goes, such as acme/app:1";

    /// <summary>Decides where each image goes.</summary>
    /// <param name="archive">The images.</param>
    /// <param name="to">A repository, with a tag if there is one image; null: as the archive says.</param>
    /// <exception cref="InvalidDataException">That can't be said, or is no valid name.</exception>
    public static List<ImageTarget> Find(ImageArchive archive, string? to)
    {
        if (to is null)
        {
            return archive.Images.ConvertAll(image => FindAsNamed(image)
                ?? throw new InvalidDataException(
                    $"{archive.Name} does not say what the repository of {image.Name ?? image.Digest.Text} is: "
                    + Advice));
        }

        if (Read(to) is not var (given, givenTag))
            throw new InvalidDataException($"'{to}' is no repository, and no repository with a tag: {Advice}");
        var named = archive.Images.FindAll(image => image.Name is not null);
        if (named.Count == 0) named = archive.Images;
        if (givenTag is not null && named.Select(image => image.Digest).Distinct().Count() > 1)
        {
            throw new InvalidDataException(
                $"{archive.Name} has {named.Count} images: name a repository without a tag, and each keeps its own");
        }

        return
        [
            .. archive.Images.Select(image => new ImageTarget(
                    image, given, !named.Contains(image) ? null : givenTag ?? TagOf(image.Name)))
                .DistinctBy(target => (target.Image.Digest, target.Tag)),
        ];
    }

    /// <summary>A name by itself is a tag: layouts have such.</summary>
    private static ImageTarget? FindAsNamed(ArchivedImage image)
    {
        if (image.Name is null)
        {
            return RepositoryName.TryParse(image.Repository, out var unnamed)
                ? new ImageTarget(image, unnamed, Tag: null) : null;
        }

        return image.Name.AsSpan().ContainsAny('/', ':') && Read(image.Name) is var (repository, tag)
            ? new ImageTarget(image, repository, tag) : null;
    }

    /// <summary>Reads a name as docker writes it, without the host: <c>docker.example.com/acme/app:1</c>.</summary>
    private static (RepositoryName Repository, Tag? Tag)? Read(string? name)
    {
        if (name is null) return null;
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && (name.AsSpan(0, slash).ContainsAny('.', ':') || name[..slash] == "localhost"))
            name = name[(slash + 1)..];
        var colon = name.LastIndexOf(':');
        if (colon < name.LastIndexOf('/')) colon = -1;
        if (colon < 0) return RepositoryName.TryParse(name, out var alone) ? (alone, null) : null;
        return RepositoryName.TryParse(name.AsSpan(0, colon), out var repository)
            && Oci.Tag.TryParse(name.AsSpan(colon + 1), out var tag) ? (repository, tag) : null;
    }

    private static Tag? TagOf(string? name)
    {
        if (name is null) return null;
        if (Oci.Tag.TryParse(name, out var tag)) return tag;
        return Read(name)?.Tag;
    }
}
