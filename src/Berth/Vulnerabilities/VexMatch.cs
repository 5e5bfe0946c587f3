namespace Berth.Vulnerabilities;

/// <summary>What a statement may be about: a package in an image.</summary>
/// <param name="Package">The package URL of the package.</param>
/// <param name="ImageDigests">Digests that the image has: its manifest's, and those of indexes that it is in.</param>
/// <param name="Repositories">Where it is, with the registry's host if that is known: <c>host/repository</c>.</param>
internal sealed record VexSubject(
    string Package, IReadOnlyCollection<string> ImageDigests, IReadOnlyCollection<string> Repositories);

/// <summary>Decides which statements are about a package in an image.</summary>
internal static class VexMatch
{
    /// <summary>What holds: of the statements about it that which was said last; null if nothing was said.</summary>
    public static VexStatement? Find(IEnumerable<VexStatement> statements, VexSubject subject) =>
        statements.Where(statement => Applies(statement, subject))
            // Of those that were said at once, the last in the order of the sources.
            .Aggregate((VexStatement?)null, (last, next) =>
                last is null || TimeOf(next) >= TimeOf(last) ? next : last);

    /// <summary>Whether a statement is about a package in an image.</summary>
    public static bool Applies(VexStatement statement, VexSubject subject)
    {
        var package = PurlName.Parse(subject.Package);
        return statement.Products.Any(product => product.Subcomponents.Count == 0
            ? IsImage(product.Product, subject) || IsPackage(product.Product, package)
            : IsImage(product.Product, subject)
                && product.Subcomponents.Any(component => IsPackage(component, package)));
    }

    private static DateTimeOffset TimeOf(VexStatement statement) => statement.Timestamp ?? DateTimeOffset.MinValue;

    private static bool IsPackage(VexComponent component, PurlName? package) =>
        package is not null && component.Purls.Any(purl => PurlName.Parse(purl)?.Includes(package) == true);

    /// <summary>The digests of the images that a component is; an empty one for all of these repositories.</summary>
    /// <param name="component">What a statement is about.</param>
    /// <param name="repositories">Repositories, as <see cref="VexSubject"/> has them.</param>
    public static IEnumerable<string> ImagesOf(VexComponent component, IReadOnlyCollection<string> repositories) =>
        component.Digests.Concat(component.Purls.Select(purl => ImageOf(PurlName.Parse(purl), repositories))
            .OfType<string>());

    /// <summary>Whether a component is the image for one kind of machine.</summary>
    public static bool IsForOneMachine(VexComponent component) => component.Purls.Select(PurlName.Parse).Any(
        purl => purl is { Type: "oci" or "docker" } && purl.Qualifiers.ContainsKey("arch"));

    private static bool IsImage(VexComponent component, VexSubject subject) =>
        ImagesOf(component, subject.Repositories).Any(
            digest => digest.Length == 0 || subject.ImageDigests.Contains(digest));

    /// <summary>A name with a digest is that image, wherever it is; one without is all of its repository.</summary>
    private static string? ImageOf(PurlName? image, IReadOnlyCollection<string> repositories)
    {
        if (image is not { Type: "oci" or "docker" }) return null;
        if (image.Version?.Contains(':', StringComparison.Ordinal) == true) return image.Version;
        // A tag may have been another image when it was said.
        if (image.Version is not null || image.Qualifiers.ContainsKey("tag")
            || !image.Qualifiers.TryGetValue("repository_url", out var place))
        {
            return null;
        }

        place = place.Split("://") is [_, var after] ? after : place;
        return repositories.Contains(place.TrimEnd('/'), StringComparer.Ordinal) ? "" : null;
    }
}
