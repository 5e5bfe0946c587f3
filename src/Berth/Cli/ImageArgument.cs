using Berth.Oci;

namespace Berth.Cli;

/// <summary>An image as commands name it: <c>REPOSITORY:TAG</c>, <c>REPOSITORY@DIGEST</c>, or a repository alone.
/// </summary>
/// <param name="Repository">The repository.</param>
/// <param name="Reference">The tag or the digest; null if none was named.</param>
internal sealed record ImageArgument(RepositoryName Repository, Reference? Reference)
{
    /// <summary>What asks the API about a tag.</summary>
    public string TagPath => $"tags/{Reference}?repository={Uri.EscapeDataString(Repository.Text)}";

    /// <summary>What asks the API about an image.</summary>
    /// <param name="what">What of it.</param>
    public string PathOf(string what = "") =>
        $"images/{Reference}{what}?repository={Uri.EscapeDataString(Repository.Text)}";

    /// <summary>An image beside another: a tag or digest alone is in the same repository.</summary>
    /// <returns>The tag or digest, and the repository if that was named.</returns>
    /// <exception cref="InvalidDataException">It names no image.</exception>
    public static (string Reference, string? Repository) ParseOther(string text)
    {
        if (Oci.Reference.TryParse(text, out _) && !text.Contains('/', StringComparison.Ordinal)) return (text, null);
        var image = ParseImage(text);
        return (image.Reference.ToString()!, image.Repository.Text);
    }

    /// <summary>One with a tag or a digest.</summary>
    /// <exception cref="InvalidDataException">It names no image.</exception>
    public static ImageArgument ParseImage(string text) => Parse(text) is { Reference: not null } image ? image
        : throw new InvalidDataException($"'{text}' names no image: write REPOSITORY:TAG, such as acme/app:1.0");

    /// <exception cref="InvalidDataException">It names no image.</exception>
    public static ImageArgument Parse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var colon = at < 0 ? text.LastIndexOf(':') : at;
        var name = colon < 0 ? text : text[..colon];
        if (!RepositoryName.TryParse(name, out var repository))
        {
            throw new InvalidDataException(
                $"'{text}' is no image: write REPOSITORY:TAG, such as acme/app:1.0, without the registry's host");
        }

        if (colon < 0) return new ImageArgument(repository, null);
        return Oci.Reference.TryParse(text.AsSpan(colon + 1), out var reference)
            ? new ImageArgument(repository, reference)
            : throw new InvalidDataException($"'{text[(colon + 1)..]}' is neither a tag nor a digest");
    }

    /// <summary>The same for a tag.</summary>
    /// <exception cref="InvalidDataException">It names no tag.</exception>
    public static ImageArgument ParseTag(string text) =>
        Parse(text) is { Reference.Tag: not null } image
            ? image
            : throw new InvalidDataException($"'{text}' names no tag: write REPOSITORY:TAG, such as acme/app:1.0");
}
